"""Verdicts: what the numbers say in words. They say that something is unusual, and never why."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from app.analysis.history import NOTABLE, STRONG

Level: TypeAlias = Literal["usual", "drifting", "notable", "strong", "unknown"]
Direction: TypeAlias = Literal["low", "high"]
Basis: TypeAlias = Literal["history", "neighbours"]

CONFIRMED = 2
"""Periods in a row from which on a departure is more than one bad date, such as a cloud that was not seen."""

CAVEAT = "An index says that something is unusual, not what causes it."


@dataclass(frozen=True, slots=True)
class Findings:
    """The numbers a verdict is made of."""

    value: float | None
    z: float | None
    """Against earlier years."""
    z_neighbours: float | None
    """Against neighbours."""
    alarm: Direction | None
    """To which side a chart alarms."""
    persistence: int
    """Latest periods in a row that depart to the same side."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict in a word, and in sentences."""

    level: Level
    """Usual; drifting: no single value is far off, but a chart alarms; notable: at least 2 standard
    deviations off; strong: at least 3; unknown: neither history nor neighbours tell."""
    direction: Direction | None
    """None of what is usual or unknown."""
    basis: Basis | None
    """What the level rests on."""
    is_confirmed: bool
    """Whether at least two periods in a row, or a chart, say the same."""
    persistence: int
    text: str


def verdict_of(findings: Findings) -> Verdict:
    """Return the verdict on some findings: history decides, and neighbours only where it is missing."""
    basis: Basis = "neighbours" if findings.z is None else "history"
    z = findings.z_neighbours if findings.z is None else findings.z
    if findings.value is None or z is None:
        return Verdict("unknown", None, None, is_confirmed=False, persistence=0, text=_unknown(findings))
    level = _level(z)
    side: Direction = "low" if z < 0 else "high"
    if level == "usual" and findings.alarm is not None:
        level, side, basis = "drifting", findings.alarm, "history"
    if level == "usual":
        return Verdict(level, None, basis, is_confirmed=False, persistence=0, text=_usual(z, basis))
    confirmed = findings.persistence >= CONFIRMED or findings.alarm == side
    sentences = [_off(level, side, z, basis), _compared(findings, side, basis), _steady(confirmed), CAVEAT]
    text = " ".join(filter(None, sentences))
    return Verdict(level, side, basis, is_confirmed=confirmed, persistence=findings.persistence, text=text)


def _level(z: float) -> Level:
    if abs(z) >= STRONG:
        return "strong"
    return "notable" if abs(z) >= NOTABLE else "usual"


def _unknown(findings: Findings) -> str:
    if findings.value is None:
        return "The parcel was not seen well enough in this period to say anything."
    return "There are too few earlier years, and too few neighbours, to say whether the value is usual."


def _usual(z: float, basis: Basis) -> str:
    return f"Usual: {_distance(z, basis)}."


def _off(level: Level, side: Direction, z: float, basis: Basis) -> str:
    if level == "drifting":
        lower = "lower" if side == "low" else "higher"
        return f"Drifting: the latest values together are {lower} than in earlier years, none of them much."
    word = "Strongly" if level == "strong" else "Notably"
    return f"{word} {side}: {_distance(z, basis)}."


def _distance(z: float, basis: Basis) -> str:
    than = "mean of the same season in earlier years" if basis == "history" else "median of its neighbours"
    return f"{abs(z):.1f} standard deviations {'below' if z < 0 else 'above'} the {than}"


def _compared(findings: Findings, side: Direction, basis: Basis) -> str:
    z = findings.z_neighbours
    if z is None or basis == "neighbours":
        return ""
    if (z < 0) == (side == "low") and abs(z) >= NOTABLE:
        return f"It is {side} among its neighbours, too."
    return "It does not stand out among its neighbours, so the cause may be common to all, as weather is."


def _steady(confirmed: bool) -> str:
    if confirmed:
        return "At least two values in a row say so."
    return "A single value says so, which may be an undetected cloud; wait for the next."
