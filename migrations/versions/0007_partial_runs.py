"""Refreshes that are shown although scenes were refused, and those of regions that changed in their file."""

from alembic import op

revision = "0007"
down_revision = "0006"

STATUSES = "alter table region_runs add constraint region_runs_status_check check (status in ({}))"
CONSTRAINT = "alter table region_runs drop constraint region_runs_status_check"
CAUSES = "alter table region_runs add constraint region_runs_cause_check check (cause in ({}))"
CAUSE = "alter table region_runs drop constraint region_runs_cause_check"
BEFORE = "'running', 'done', 'empty', 'failed'"


def upgrade() -> None:
    """Allow the status, and add what it counts."""
    op.execute(CONSTRAINT)
    op.execute(STATUSES.format(f"{BEFORE}, 'partial'"))
    op.execute(
        "alter table region_runs add column scenes_refused integer not null default 0, "
        "add column refused jsonb not null default '{}'"
    )
    op.execute(CAUSE)
    op.execute(CAUSES.format("'rotation', 'change', 'request'"))
    op.execute("comment on column region_runs.refused is 'why, by id, the first of them were refused'")


def downgrade() -> None:
    """Count partial refreshes as done."""
    op.execute("update region_runs set status = 'done' where status = 'partial'")
    op.execute(CONSTRAINT)
    op.execute(STATUSES.format(BEFORE))
    op.execute("update region_runs set cause = 'request' where cause = 'change'")
    op.execute(CAUSE)
    op.execute(CAUSES.format("'rotation', 'request'"))
    op.execute("alter table region_runs drop column scenes_refused, drop column refused")
