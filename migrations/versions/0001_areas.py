"""Areas, their kept statistics, the cache of statistics, and the slots of tasks."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    "create extension if not exists postgis",
    """
    create table areas (
        id bigint generated always as identity primary key,
        name text not null,
        kind text,
        geom geometry(MultiPolygon, 4326) not null,
        properties jsonb not null default '{}',
        products text[] not null default '{}',
        area_km2 double precision not null generated always as (st_area(geom::geography) / 1e6) stored,
        vertices integer not null generated always as (st_npoints(geom)) stored,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
    )
    """,
    "comment on column areas.products is 'ids of the products whose statistics are kept'",
    "comment on column areas.area_km2 is 'on the WGS 84 ellipsoid'",
    "create index areas_geom on areas using gist (geom)",
    "create index areas_kind on areas (kind, id)",
    """
    create table area_statistics (
        area_id bigint not null references areas on delete cascade,
        product text not null,
        period text not null,
        starts timestamptz not null,
        entry jsonb not null,
        inputs text not null,
        computed_at timestamptz not null default now(),
        primary key (area_id, product, period)
    )
    """,
    "comment on column area_statistics.starts is 'begin of the period'",
    "comment on column area_statistics.inputs is 'SHA-256, in hex, of all that determines the entry'",
    "create index area_statistics_series on area_statistics (area_id, product, starts)",
    """
    create table statistics_cache (
        inputs text primary key,
        entry jsonb not null,
        computed_at timestamptz not null default now(),
        used_at timestamptz not null default now()
    )
    """,
    "create index statistics_cache_used on statistics_cache (used_at)",
    """
    create table job_slots (
        job text not null,
        slot timestamptz not null,
        started_at timestamptz not null default now(),
        finished_at timestamptz,
        holder text not null,
        status text not null,
        detail jsonb not null default '{}',
        primary key (job, slot)
    )
    """,
    "comment on column job_slots.slot is 'when the run was due; each runs once'",
    "comment on column job_slots.holder is 'the process that runs it'",
)


def upgrade() -> None:
    """Create the tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the tables; the extension stays, since others may use it."""
    for table in ("job_slots", "statistics_cache", "area_statistics", "areas"):
        op.execute(f"drop table {table}")
