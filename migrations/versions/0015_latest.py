"""The newest value of each area and product, kept in step by triggers; and where areas are on the globe."""

from alembic import op

revision = "0015"
down_revision = "0014"

COLUMNS = """
    period, starts, (entry ->> 'mean')::float8 as value,
    coalesce((entry ->> 'valid_fraction')::float8, 0) as valid_fraction
"""

NEWEST = f"""
    select distinct on (area_id, product) area_id, product, {COLUMNS} from {{entries}}
    where entry ->> 'mean' is not null
    order by area_id, product, starts desc, period desc
"""

NEXT = f"""
    select gone.area_id, gone.product, newest.*
    from unnest(areas, products) gone (area_id, product)
    cross join lateral (
        select {COLUMNS} from area_statistics kept
        where kept.area_id = gone.area_id and kept.product = gone.product and entry ->> 'mean' is not null
        order by starts desc, period desc limit 1
    ) newest
"""

KEEP = """
    on conflict (area_id, product) do update
        set (period, starts, value, valid_fraction)
            = (excluded.period, excluded.starts, excluded.value, excluded.valid_fraction)
        where (excluded.starts, excluded.period) >= (area_latest.starts, area_latest.period)
"""
"""Of two writers at once the newer entry stays, whichever of them comes last."""

STATEMENTS = (
    """
    create table area_latest (
        area_id bigint not null references areas on delete cascade,
        product text not null,
        period text not null,
        starts timestamptz not null,
        value float8 not null,
        valid_fraction float8 not null,
        primary key (area_id, product)
    )
    """,
    "comment on table area_latest is 'the newest entry with a mean; written by triggers alone'",
    "comment on column area_latest.value is 'the mean of the entry'",
    "create index area_latest_value on area_latest (product, value, area_id)",
    f"insert into area_latest {NEWEST.format(entries='area_statistics')}",
    f"""
    create function keep_latest() returns trigger language plpgsql as $$
    declare
        areas bigint[];
        products text[];
    begin
        if tg_op <> 'INSERT' then
            with gone as (
                delete from area_latest using old_entries
                where area_latest.area_id = old_entries.area_id and area_latest.product = old_entries.product
                    and area_latest.period = old_entries.period
                returning area_latest.area_id, area_latest.product
            )
            select array_agg(area_id), array_agg(product) into areas, products from gone;
            if areas is not null then
                insert into area_latest {NEXT} {KEEP};
            end if;
        end if;
        if tg_op <> 'DELETE' then
            insert into area_latest {NEWEST.format(entries="new_entries")} {KEEP};
        end if;
        return null;
    end $$ set enable_seqscan = off
    """,
    """
    create trigger entries_created after insert on area_statistics referencing new table as new_entries
        for each statement execute function keep_latest()
    """,
    """
    create trigger entries_changed after update on area_statistics
        referencing old table as old_entries new table as new_entries
        for each statement execute function keep_latest()
    """,
    """
    create trigger entries_deleted after delete on area_statistics referencing old table as old_entries
        for each statement execute function keep_latest()
    """,
    "create index areas_globe on areas using gist (geography(st_segmentize(geom, 0.1)))",
    "create index areas_name on areas (name, id)",
    "create index areas_crop_type on areas (left(properties ->> 'crop_type', 200), id)",
)


def upgrade() -> None:
    """Create the table, fill it, and create what keeps it in step."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    for index in ("areas_globe", "areas_name", "areas_crop_type"):
        op.execute(f"drop index {index}")
    for name in ("created", "changed", "deleted"):
        op.execute(f"drop trigger entries_{name} on area_statistics")
    op.execute("drop function keep_latest")
    op.execute("drop table area_latest")
