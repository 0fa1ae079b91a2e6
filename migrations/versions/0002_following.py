"""How far the kept statistics follow what has landed, and for which areas they are complete."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """
    create table followed_mosaics (
        collection text not null,
        period text not null,
        mosaic text not null,
        primary key (collection, period)
    )
    """,
    "comment on column followed_mosaics.mosaic is 'key of the mosaic that kept statistics have seen'",
    """
    create table filled_series (
        area_id bigint not null references areas on delete cascade,
        product text not null,
        version text not null,
        area_updated_at timestamptz not null,
        primary key (area_id, product)
    )
    """,
    "comment on table filled_series is 'series that had every period once; news is then enough'",
    "comment on column filled_series.version is 'hash of the product as it was counted'",
    "comment on column filled_series.area_updated_at is 'the state of the area that was counted'",
    "create index filled_series_product on filled_series (product, area_id)",
)


def upgrade() -> None:
    """Create the tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the tables."""
    for table in ("filled_series", "followed_mosaics"):
        op.execute(f"drop table {table}")
