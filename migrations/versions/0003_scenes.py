"""The scenes that have landed, for searches of the STAC API, and how far the logs were followed."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    """
    create table scenes (
        collection text not null,
        id text not null,
        item_key text not null,
        period text not null,
        starts timestamptz not null,
        ends timestamptz not null,
        geom geometry(MultiPolygon, 4326) not null,
        cloud_cover double precision,
        platform text,
        synthetic boolean not null,
        item jsonb not null,
        primary key (collection, id)
    )
    """,
    "comment on table scenes is 'an index of what lies in storage; it is made anew from there'",
    "comment on column scenes.item_key is 'key of the item in storage; other content, other key'",
    "comment on column scenes.ends is 'first moment after; equal to starts for a scene of one instant'",
    "comment on column scenes.cloud_cover is 'in percent'",
    "create index scenes_geom on scenes using gist (geom)",
    "create index scenes_time on scenes (starts, collection, id)",
    """
    create table followed_logs (
        collection text primary key,
        number bigint not null,
        commit_id text not null,
        scenes integer not null,
        bbox double precision[],
        starts timestamptz,
        ends timestamptz,
        summaries jsonb not null
    )
    """,
    "comment on table followed_logs is 'the commit of each collection that scenes stands for'",
    "comment on column followed_logs.commit_id is 'tells the commit from one of another log of that number'",
    "comment on column followed_logs.ends is 'the last moment of any scene'",
    "comment on column followed_logs.bbox is 'west, south, east, north; west above east crosses 180 degrees'",
)


def upgrade() -> None:
    """Create the tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the tables."""
    for table in ("followed_logs", "scenes"):
        op.execute(f"drop table {table}")
