"""Owners of areas, feeds and jobs: a key may be bound to one."""

from alembic import op

revision = "0012"
down_revision = "0011"

STATEMENTS = (
    "alter table areas add column owner_id text",
    "comment on column areas.owner_id is 'who sees and writes it with a key of their own; null: no such key'",
    """
    update areas set owner_id = properties ->> 'owner_id', properties = properties - 'owner_id'
    where jsonb_typeof(properties -> 'owner_id') in ('string', 'number')
        and properties ->> 'owner_id' ~ '^[A-Za-z0-9._@+-]{1,64}$'
    """,
    "create index areas_owner on areas (owner_id, id)",
    "alter table feeds add column owner_id text",
    "comment on column feeds.owner_id is 'of its area, or of the key that it was sent with'",
    "create index feeds_owner on feeds (owner_id, id)",
    "alter table orders add column owner_id text",
    "comment on column orders.owner_id is 'of the key that it was sent with; null also where feeds order'",
    "create index orders_owner on orders (owner_id, id)",
)


def upgrade() -> None:
    """Add the columns; what areas have as a property of their own becomes their owner."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the columns; owners of areas become a property again."""
    op.execute(
        "update areas set properties = properties || jsonb_build_object('owner_id', owner_id) "
        "where owner_id is not null"
    )
    for table in ("areas", "feeds", "orders"):
        op.execute(f"alter table {table} drop column owner_id")
