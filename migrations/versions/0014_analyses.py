"""Analyses of parcels and scenes, each under the hash of all that determines it."""

from alembic import op

revision = "0014"
down_revision = "0013"

STATEMENTS = (
    """
    create table analyses (
        id bigint generated always as identity primary key,
        kind text not null check (kind in ('parcel', 'scene')),
        area_id bigint references areas on delete cascade,
        owner_id text,
        product text not null,
        period text not null,
        options text not null default '',
        inputs text not null,
        level text,
        result jsonb not null,
        computed_at timestamptz not null default now(),
        checked_at timestamptz not null default now(),
        check ((kind = 'parcel') = (area_id is not null)),
        unique (area_id, product, period, options)
    )
    """,
    "comment on column analyses.owner_id is 'of scenes: who asked; those of parcels have their area''s'",
    "comment on column analyses.options is 'hash of the options it was asked with; empty: the usual ones'",
    "comment on column analyses.inputs is 'SHA-256, in hex, of all that determines the result'",
    "comment on column analyses.level is 'the verdict in a word'",
    "comment on column analyses.checked_at is 'when the entries were read that it is made of'",
    "create unique index analyses_scenes on analyses (coalesce(owner_id, ''), inputs) where kind = 'scene'",
    "create index analyses_product on analyses (product, level, id)",
)


def upgrade() -> None:
    """Create the table."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the table."""
    op.execute("drop table analyses")
