"""Owners of routes; and idempotency keys are of their owner, as those of zones are."""

from alembic import op

revision = "0013"
down_revision = "0012"

KEYED = ("feeds", "orders", "routes")

STATEMENTS = (
    "alter table routes add column owner_id text",
    "comment on column routes.owner_id is 'who sees and writes it with a key of their own'",
    """
    update routes set owner_id = properties ->> 'owner_id', properties = properties - 'owner_id'
    where jsonb_typeof(properties -> 'owner_id') in ('string', 'number')
        and properties ->> 'owner_id' ~ '^[A-Za-z0-9._@+-]{1,64}$'
    """,
    "create index routes_owner_id on routes (owner_id, id)",
)


def upgrade() -> None:
    """Add the column, and make keys unique for each owner."""
    for statement in STATEMENTS:
        op.execute(statement)
    for table in KEYED:
        op.execute(f"alter table {table} drop constraint {table}_key_key")
        op.execute(f"create unique index {table}_key on {table} (coalesce(owner_id, ''), key)")


def downgrade() -> None:
    """Drop the column; of keys that several owners sent, the first stays."""
    for table in KEYED:
        op.execute(f"drop index {table}_key")
        op.execute(
            f"update {table} later set key = null from {table} first "
            "where first.key = later.key and first.id < later.id"
        )
        op.execute(f"alter table {table} add constraint {table}_key_key unique (key)")
    op.execute(
        "update routes set properties = properties || jsonb_build_object('owner_id', owner_id) "
        "where owner_id is not null"
    )
    op.execute("alter table routes drop column owner_id")
