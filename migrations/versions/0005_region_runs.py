"""Refreshes of regions: what each used and its outcome; never two of one region at a time."""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    """
    create table region_runs (
        id bigint generated always as identity primary key,
        region text not null,
        night date not null,
        cause text not null check (cause in ('rotation', 'request')),
        asked jsonb not null,
        pre_start date not null,
        pre_end date not null,
        pre_basis text not null default 'year-before' check (pre_basis in ('year-before', 'just-before')),
        post_start date not null,
        post_end date not null,
        orders jsonb not null default '{}',
        started_at timestamptz not null default now(),
        finished_at timestamptz,
        status text not null default 'running' check (status in ('running', 'done', 'empty', 'failed')),
        scenes_landed integer not null default 0,
        scenes_found integer not null default 0,
        landed_bytes bigint not null default 0,
        error text,
        check ((status = 'running') = (finished_at is null))
    )
    """,
    "comment on column region_runs.night is 'day of the calendar of the rotation it counts for'",
    "comment on column region_runs.asked is 'the region as its file described it, and the bands ingested'",
    "comment on column region_runs.pre_start is 'first day of the window used; pre_end is the last'",
    "comment on column region_runs.orders is 'ids of the ingestions, by window'",
    "create unique index region_runs_one_at_a_time on region_runs (region) where status = 'running'",
    "create unique index region_runs_once_a_night on region_runs (region, night) where cause = 'rotation'",
    "create index region_runs_latest on region_runs (region, id desc)",
)


def upgrade() -> None:
    """Create the table."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the table."""
    op.execute("drop table region_runs")
