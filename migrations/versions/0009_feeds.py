"""Feeds: standing orders, the pieces of time each is asked for in, and what every look came to."""

from alembic import op

revision = "0009"
down_revision = "0008"

STATEMENTS = (
    "alter table areas add column feed boolean not null default false",
    "comment on column areas.feed is 'whether feeds bring what its products read'",
    """
    create table feeds (
        id bigint generated always as identity primary key,
        name text not null,
        source text not null,
        collection text not null,
        area_id bigint references areas on delete cascade,
        is_of_area boolean not null default false,
        box float8[] not null,
        bands text[] not null default '{}',
        starts timestamptz not null,
        ends timestamptz,
        every interval not null,
        lag interval,
        max_cloud float8,
        clip boolean not null default false,
        paused boolean not null default false,
        version integer not null default 1,
        key text unique,
        asked jsonb not null default '{}',
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        polled_at timestamptz,
        succeeded_at timestamptz,
        failed_at timestamptz,
        failure text,
        newest_acquired timestamptz,
        newest_seen timestamptz,
        newest_revision timestamptz,
        check (ends is null or ends > starts)
    )
    """,
    "comment on column feeds.area_id is 'the area whose box it is; null where the box was given'",
    "comment on column feeds.is_of_area is 'whether it was started by the area and ends with it'",
    "comment on column feeds.box is 'west, south, east, north in degrees; west above east crosses 180'",
    "comment on column feeds.ends is 'first moment after what is wanted; null while it goes on'",
    "comment on column feeds.every is 'how often its archive is asked'",
    "comment on column feeds.lag is 'usual time until publication, where it is not that of the collection'",
    "comment on column feeds.version is 'grows with every change; the ETag names it'",
    "comment on column feeds.key is 'the idempotency key it was sent with'",
    "comment on column feeds.asked is 'what was sent with that key'",
    "comment on column feeds.newest_acquired is 'beginning of the newest granule that has landed'",
    "comment on column feeds.newest_seen is 'the same, those among them that were too cloudy'",
    "create index feeds_area on feeds (area_id)",
    "create unique index feeds_one_of_an_area on feeds (area_id, collection) where is_of_area",
    """
    create table feed_pieces (
        id bigint generated always as identity primary key,
        feed_id bigint not null references feeds on delete cascade,
        starts timestamptz not null,
        ends timestamptz not null,
        round integer not null default 0,
        order_id bigint,
        asked_at timestamptz,
        due_at timestamptz,
        complete_at timestamptz,
        watermark timestamptz,
        failures integer not null default 0,
        check (ends > starts)
    )
    """,
    "comment on column feed_pieces.round is 'looks that have ended; keys of orders name it'",
    "comment on column feed_pieces.order_id is 'the ingestion under way; null while there is none'",
    "comment on column feed_pieces.due_at is 'null where nothing of it can come any more'",
    "comment on column feed_pieces.complete_at is 'start of the latest look that left nothing out'",
    "comment on column feed_pieces.watermark is 'the newest revision of such a look'",
    "comment on column feed_pieces.failures is 'looks that failed, one after the other, up to the last'",
    "create unique index feed_pieces_once on feed_pieces (feed_id, starts)",
    "create index feed_pieces_due on feed_pieces (due_at)",
    """
    create table feed_polls (
        id bigint generated always as identity primary key,
        feed_id bigint not null references feeds on delete cascade,
        starts timestamptz not null,
        ends timestamptz not null,
        order_id bigint,
        asked_at timestamptz not null,
        ended_at timestamptz not null,
        status text not null check (status in ('done', 'partial', 'failed', 'split')),
        found integer not null default 0,
        landed integer not null default 0,
        error text
    )
    """,
    "comment on column feed_polls.order_id is 'null where what was to be ordered was refused'",
    "comment on column feed_polls.status is 'split: there was more than one order may land'",
    "create index feed_polls_latest on feed_polls (feed_id, id desc)",
)


def upgrade() -> None:
    """Create the tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the tables."""
    for table in ("feed_polls", "feed_pieces", "feeds"):
        op.execute(f"drop table {table}")
    op.execute("alter table areas drop column feed")
