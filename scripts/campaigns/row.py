"""Rows: what a scenario of the campaign showed, as a line of its table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

COLUMNS = (
    *("scenario", "requests", "wrong tiles", "lost scenes", "failed requests", "seconds to recover"),
    *("memory (MB)", "remarks"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """What a scenario showed."""

    scenario: str
    requests: int
    """Requests that were answered or given up, attacks left out."""
    wrong: int
    """Tiles answered as if they were right that differ from those recorded before the fault."""
    failed: int
    """Requests without the answer there was before the fault; those that say so (503) too."""
    lost: int | None = None
    """Scenes that had landed and are missing or half there at the end; None where nothing could be lost."""
    recovered_s: float | None = None
    """Seconds from the end of the fault to the last failed request; None where the fault does not end."""
    memory_mb: float | None = None
    """The most that all processes of the server had resident at a time, shared pages counted in each."""
    remarks: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as texts, in the order of `COLUMNS`."""
        return (
            self.scenario,
            f"{self.requests:,}",
            str(self.wrong),
            "" if self.lost is None else str(self.lost),
            f"{self.failed:,}",
            "" if self.recovered_s is None else f"{self.recovered_s:.1f}",
            "" if self.memory_mb is None else f"{self.memory_mb:,.0f}",
            self.remarks,
        )


def markdown(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|---|{'---:|' * (len(COLUMNS) - 2)}---|"
    for row in rows:
        yield f"| {' | '.join(row.cells)} |"
