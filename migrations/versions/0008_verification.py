"""When the files of each scene and overview were last verified, what was damaged, and mosaics that are."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create the tables."""
    op.execute(
        """
        create table verified_items (
            item_key text primary key,
            collection text not null,
            verified_at timestamptz not null default '-infinity',
            wanted boolean not null default false,
            damaged jsonb not null default '{}',
            tried_at timestamptz,
            not_mended text
        )
        """
    )
    op.execute("comment on column verified_items.wanted is 'whether a reader has met a damaged file of it'")
    op.execute("comment on column verified_items.damaged is 'what is wrong, by the key of the file'")
    op.execute("comment on column verified_items.tried_at is 'when it was last tried to mend it'")
    op.execute("create index verified_items_oldest on verified_items (wanted desc, verified_at)")
    op.execute("create index verified_items_damaged on verified_items (item_key) where damaged <> '{}'")
    op.execute("create index verified_items_collection on verified_items (collection)")
    op.execute(
        """
        create table damaged_mosaics (
            mosaic_key text primary key,
            collection text not null,
            met_at timestamptz not null default now()
        )
        """
    )


def downgrade() -> None:
    """Drop the tables."""
    op.execute("drop table damaged_mosaics")
    op.execute("drop table verified_items")
