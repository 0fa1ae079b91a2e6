"""The size of an area follows from its outline, as in statistics; PostGIS follows geodesics."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Drop what PostGIS worked out."""
    op.execute("alter table areas drop column area_km2")


def downgrade() -> None:
    """Have PostGIS work it out again."""
    op.execute(
        "alter table areas add column area_km2 double precision not null "
        "generated always as (st_area(geom::geography) / 1e6) stored"
    )
