"""What was measured, as a table to read and as JSON to keep."""

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
    """What a figure should come to, and the least that will do."""

    goal: float
    least: float
    higher_is_better: bool = True

    def verdict(self, figure: float) -> str:
        """How a figure stands to it."""
        sign = 1 if self.higher_is_better else -1
        if sign * figure >= sign * self.goal:
            return "goal reached"
        return "will do" if sign * figure >= sign * self.least else "MISSED"


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement, side by side."""

    name: str
    unit: str
    ours: Sequence[float]
    """Of Tilewatch, one a round."""
    other: Sequence[float]
    """Of what it is compared with, in the same rounds; may be empty."""
    ours_cpu_ms: Sequence[float] = ()
    """CPU time of the server for one answer: it tells the same where other work slows the machine down."""
    other_cpu_ms: Sequence[float] = ()
    figures: Sequence[float] = ()
    """What is held against the goal, one a round; by default the ratio of `ours` to `other`."""
    figure_unit: str = "x"
    goal: Goal | None = None
    more: dict[str, float] = field(default_factory=dict)
    """Further facts, for the JSON."""

    @property
    def held(self) -> Sequence[float]:
        """The figures held against the goal."""
        return self.figures or [a / b for a, b in zip(self.ours, self.other, strict=True)]

    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
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
    """Three significant digits, without an exponent."""
    if value >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}"


def table(rows: Sequence[Row]) -> str:
    """The rows in aligned columns."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def circumstances() -> dict[str, str]:
    """What it was measured on."""
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
    """Keep the results beside those of earlier runs."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}.json"
    path.write_text(json.dumps({"about": about, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")
    return path


def show(rows: Sequence[Row]) -> None:
    """Print rows as they come."""
    click.echo(table(rows) + "\n")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
