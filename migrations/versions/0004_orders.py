"""Jobs (in the table `orders`): requested ingestions and composites with their progress."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    """
    create table orders (
        id bigint generated always as identity primary key,
        kind text not null,
        request jsonb not null,
        key text unique,
        status text not null default 'queued'
            check (status in ('queued', 'running', 'done', 'failed', 'cancelled')),
        is_cancelling boolean not null default false,
        holder text,
        seen_at timestamptz,
        attempts integer not null default 0,
        progress jsonb,
        log text[] not null default '{}',
        landed jsonb not null default '[]',
        result jsonb,
        error text,
        created_at timestamptz not null default now(),
        started_at timestamptz,
        finished_at timestamptz
    )
    """,
    "comment on column orders.key is 'the idempotency key it was sent with'",
    "comment on column orders.holder is 'the process that runs it'",
    "comment on column orders.seen_at is 'the latest heart beat of the holder'",
    "comment on column orders.attempts is 'how often it was begun and not handed back'",
    "comment on column orders.landed is 'scenes that are in storage because of it'",
    "create index orders_unfinished on orders (id) where status in ('queued', 'running')",
)


def upgrade() -> None:
    """Create the table."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the table."""
    op.execute("drop table orders")
