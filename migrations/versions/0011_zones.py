"""Zones, and the parcels they intersect, which triggers keep in step with both."""

from alembic import op

revision = "0011"
down_revision = "0010"

STATEMENTS = (
    """
    create table zones (
        id bigint generated always as identity primary key,
        geom geometry(MultiPolygon, 4326) not null,
        kind text not null check (kind in ('anomaly', 'disease', 'other')),
        severity text check (severity in ('low', 'moderate', 'high')),
        called text,
        called_by text check (called_by in ('person', 'model')),
        caller text,
        model_version text,
        detected_at timestamptz,
        state text not null default 'new' check (state in ('new', 'confirmed', 'dismissed', 'over')),
        owner_id text,
        source_analysis text,
        center_lon float8,
        center_lat float8,
        radius_m float8,
        properties jsonb not null default '{}',
        vertices integer not null generated always as (st_npoints(geom)) stored,
        key text,
        asked jsonb not null default '{}',
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
    )
    """,
    "comment on column zones.called is 'what it was called, by a person or a model'",
    "comment on column zones.caller is 'the name of that person or model'",
    "comment on column zones.radius_m is 'of a circle, of which geom was made; with its centre'",
    "create index zones_geom on zones using gist (geom)",
    "create index zones_owner on zones (owner_id, id)",
    "create index zones_analysis on zones (source_analysis) where source_analysis is not null",
    "create unique index zones_key on zones (coalesce(owner_id, ''), key)",
    """
    create table zone_areas (
        zone_id bigint not null references zones on delete cascade,
        area_id bigint not null references areas on delete cascade,
        primary key (zone_id, area_id)
    )
    """,
    "comment on table zone_areas is 'which parcels a zone intersects; written by triggers alone'",
    "create index zone_areas_area on zone_areas (area_id)",
    # A writer of zones waits for the writers of parcels that have not committed, and they for it: otherwise
    # neither would see the row of the other, and the link would be missing. Writers of parcels do not wait
    # for each other. Each statement of these functions sees what was committed before it.
    """
    create function link_zone() returns trigger language plpgsql as $$
    begin
        perform pg_advisory_xact_lock(hashtext('tilewatch zone_areas'));
        delete from zone_areas where zone_id = new.id;
        insert into zone_areas
            select new.id, areas.id from areas where kind = 'parcel' and st_intersects(geom, new.geom);
        return null;
    end $$
    """,
    """
    create function link_parcel() returns trigger language plpgsql as $$
    begin
        perform pg_advisory_xact_lock_shared(hashtext('tilewatch zone_areas'));
        delete from zone_areas where area_id = new.id;
        if new.kind = 'parcel' then
            insert into zone_areas
                select zones.id, new.id from zones where st_intersects(geom, new.geom);
        end if;
        return null;
    end $$
    """,
    "create trigger zones_created after insert on zones for each row execute function link_zone()",
    """
    create trigger zones_moved after update of geom on zones for each row
        when (old.geom is distinct from new.geom) execute function link_zone()
    """,
    """
    create trigger parcels_created after insert on areas for each row
        when (new.kind = 'parcel') execute function link_parcel()
    """,
    """
    create trigger parcels_changed after update of geom, kind on areas for each row
        when (
            'parcel' in (old.kind, new.kind)
            and (old.kind is distinct from new.kind or old.geom is distinct from new.geom)
        )
        execute function link_parcel()
    """,
)


def upgrade() -> None:
    """Create the tables and the triggers."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the tables and the triggers."""
    op.execute("drop trigger parcels_created on areas")
    op.execute("drop trigger parcels_changed on areas")
    for table in ("zone_areas", "zones"):
        op.execute(f"drop table {table}")
    for function in ("link_zone", "link_parcel"):
        op.execute(f"drop function {function}")
