"""The results, as a table to read and as JSON to keep."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

import click
import rasterio

RESULTS = Path(__file__).resolve().parents[2] / "bench-results"


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should reach, and the least that is acceptable."""

    goal: float
    least: float
    higher_is_better: bool = True

    def verdict(self, figure: float) -> str:
        """Return how a figure compares with the goal."""
        sign = 1 if self.higher_is_better else -1
        if sign * figure >= sign * self.goal:
            return "goal reached"
        return "will do" if sign * figure >= sign * self.least else "MISSED"


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement of both sides."""

    name: str
    unit: str
    ours: Sequence[float]
    """Of Tilewatch, one per round."""
    other: Sequence[float]
    """Of the other side, in the same rounds; may be empty."""
    ours_cpu_ms: Sequence[float] = ()
    """CPU time of the server per answer: it stays the same when other work slows the machine down."""
    other_cpu_ms: Sequence[float] = ()
    figures: Sequence[float] = ()
    """The figures to compare with the goal, one per round; by default the ratio of `ours` to `other`."""
    figure_unit: str = "x"
    goal: Goal | None = None
    more: dict[str, float] = field(default_factory=dict)
    """Further facts for the JSON."""

    @property
    def held(self) -> Sequence[float]:
        """Return the figures to compare with the goal."""
        return self.figures or [a / b for a, b in zip(self.ours, self.other, strict=True)]

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table."""
        figures, low, high = self.held, "", ""
        if len(figures) > 1:
            low, high = number(min(figures)), number(max(figures))
        cpu = median(self.other_cpu_ms) / median(self.ours_cpu_ms) if self.ours_cpu_ms else None
        goal = f"{number(self.goal.goal)}, {number(self.goal.least)}" if self.goal else ""
        return (
            self.name,
            f"{number(median(self.ours))} {self.unit}",
            f"{number(median(self.other))} {self.unit}" if self.other else "",
            f"{number(median(figures))} {self.figure_unit}",
            f"{low}-{high}" if low else "",
            f"{number(cpu)} x" if cpu else "",
            goal,
            self.goal.verdict(median(figures)) if self.goal else "",
        )


HEADINGS = ("", "Tilewatch", "other", "figure", "rounds", "by CPU time", "goal, least", "")


def number(value: float) -> str:
    """Return a number with three significant digits, without an exponent."""
    if value >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}"


def table(rows: Sequence[Row]) -> str:
    """Return the rows in aligned columns."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def circumstances() -> dict[str, str]:
    """Return the facts about the machine and its software."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "load": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "python": platform.python_version(),
        "gdal": rasterio.__gdal_version__,
        **{
            name: version(name)
            for name in ("tilewatch", "titiler.application", "rio-tiler", "cogeo-mosaic", "uvicorn")
        },
    }


def save(rows: Sequence[Row], about: dict[str, str]) -> Path:
    """Store the results beside those of earlier runs."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}.json"
    path.write_text(json.dumps({"about": about, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")
    return path


def show(rows: Sequence[Row]) -> None:
    """Print rows as they are measured."""
    click.echo(table(rows) + "\n")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
