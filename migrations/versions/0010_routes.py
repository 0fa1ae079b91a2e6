"""Routes, what is kept of their exposure, and for which of them it is complete."""

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS = (
    """
    create table routes (
        id bigint generated always as identity primary key,
        name text not null,
        owner text,
        profile text,
        geom geometry(MultiLineString, 4326) not null,
        on_map geometry(MultiLineString, 4326) not null,
        is_multi boolean not null default false,
        geometry_source text not null default 'given' check (geometry_source in ('given', 'straight-line')),
        products text[] not null default '{}',
        parameters jsonb not null default '{}',
        departure timestamptz,
        speed_km_h float8,
        durations_s float8[],
        properties jsonb not null default '{}',
        vertices integer not null generated always as (st_npoints(geom)) stored,
        key text unique,
        asked jsonb not null default '{}',
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        check (speed_km_h is null or durations_s is null)
    )
    """,
    "comment on column routes.owner is 'as the caller says, or the name of the key it was sent with'",
    "comment on column routes.geom is 'as it was sent: longitudes may go on past 180'",
    "comment on column routes.on_map is 'from -180 to 180, cut at the antimeridian: what meets footprints'",
    "comment on column routes.products is 'ids of the products whose exposure is kept'",
    "comment on column routes.parameters is 'numbers of mask rules in place of the products own, by name'",
    "comment on column routes.durations_s is 'of each segment, one part after the other'",
    "comment on column routes.key is 'the idempotency key it was sent with'",
    "comment on column routes.asked is 'what was sent with that key'",
    "create index routes_on_map on routes using gist (on_map)",
    "create index routes_owner on routes (owner, id)",
    """
    create table route_exposures (
        route_id bigint not null references routes on delete cascade,
        product text not null,
        period text not null,
        starts timestamptz not null,
        entry jsonb not null,
        inputs text not null,
        computed_at timestamptz not null default now(),
        primary key (route_id, product, period)
    )
    """,
    "comment on column route_exposures.starts is 'begin of the period'",
    "comment on column route_exposures.inputs is 'SHA-256, in hex, of all that determines the entry'",
    "create index route_exposures_series on route_exposures (route_id, product, starts)",
    """
    create table filled_exposures (
        route_id bigint not null references routes on delete cascade,
        product text not null,
        version text not null,
        route_updated_at timestamptz not null,
        primary key (route_id, product)
    )
    """,
    "comment on table filled_exposures is 'series that had every period once; news is then enough'",
    "comment on column filled_exposures.version is 'hash of the product as it was counted'",
    "comment on column filled_exposures.route_updated_at is 'the state of the route that was counted'",
    "create index filled_exposures_product on filled_exposures (product, route_id)",
)


def upgrade() -> None:
    """Create the tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the tables."""
    for table in ("filled_exposures", "route_exposures", "routes"):
        op.execute(f"drop table {table}")
