"""A landing request: what somebody asks to be landed, in their own words, checked but not yet looked at."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ingest.encoding import PerBand, parse_baseline
from ingest.harmonisation import Harmonisation
from mosaics.collection import read_nodata
from mosaics.period import Cadence, Interval, Period, PeriodError, parse_instant

SCENE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
NODATA, NONE = "--nodata", "none"
"""The option whose numbers may be left out, and the word for that."""
COARSEST_FIRST = (Cadence.YEAR, Cadence.MONTH, Cadence.DAY, Cadence.HOUR)


class LandingError(ValueError):
    """A request that cannot be carried out; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an archive has the file of a band."""

    href: str
    referenced: bool = False
    """Whether the pixels are left there, so that nothing of the file is copied."""
    signing: str | None = None
    """How reading it there is signed for; None where everybody may read."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the archive a scene comes from says of it, for the scene's STAC item."""

    properties: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class BandFile:
    """One band of a scene, and where its pixels are."""

    band: str
    path: Path
    index: int = 1
    """Number of the band in the file, from 1."""
    origin: Origin | None = None
    """None where the file is the user's own."""

    @classmethod
    def parse(cls, text: str) -> "BandFile":
        """Read `BAND=FILE` or `BAND=FILE:N`.

        Raises:
            LandingError: If the text is neither.
        """
        band, equals, file = text.partition("=")
        if not (band and equals and file):
            raise LandingError(
                f"'{text}' is not a valid asset; one looks like red=B04.tif, or red=stack.tif:3."
            )
        numbered = re.fullmatch(r"(.+):(\d{1,6})", file)
        if numbered and not Path(file).is_file():
            return cls(band, Path(numbered[1]), int(numbered[2]))
        return cls(band, Path(file))


@dataclass(frozen=True, slots=True)
class LandingRequest:
    """One scene to be landed."""

    id: str
    start: datetime
    end: datetime
    """First moment after the scene; equal to `start` where it is an instant."""
    assets: tuple[BandFile, ...]
    cloud_cover_percent: float | None = None
    baseline: str | None = None
    """Processing baseline of Sentinel-2, "05.09"."""
    scales: PerBand = field(default_factory=PerBand)
    offsets: PerBand = field(default_factory=PerBand)
    nodata: PerBand = field(default_factory=PerBand)
    flip: bool = False
    """Whether files whose columns run from east to west are taken, with their columns turned."""
    synthetic: bool = False
    removed: bool | None = None
    """Whether the archive says it has taken the Sentinel-2 offset away; None where it says nothing."""
    declared: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Scale and offset by band that the archive's metadata give, where they are right about the pixels."""
    provenance: Provenance = field(default_factory=Provenance)
    decided: Harmonisation | None = None
    """The offset that was decided when other bands of this very scene landed, which then holds for all."""

    def __post_init__(self) -> None:
        if not SCENE_ID.fullmatch(self.id):
            raise LandingError(
                f"'{self.id[:80]}' is not a valid id of a scene; one has up to 128 letters, digits, "
                "'.', '_' and '-', and begins with a letter or digit."
            )
        if not self.assets:
            raise LandingError("a scene has at least one asset: --asset red=B04.tif")
        bands = [asset.band for asset in self.assets]
        if doubled := sorted({band for band in bands if bands.count(band) > 1}):
            raise LandingError(f"{', '.join(doubled)} given more than once; a band is one file's.")
        if self.cloud_cover_percent is not None and not 0 <= self.cloud_cover_percent <= 100:
            raise LandingError(
                f"{self.cloud_cover_percent:g} is not a valid cloud cover; give a percentage from 0 to 100."
            )
        if self.baseline is not None:
            parse_baseline(self.baseline)
        for name, numbers in (
            ("--scale", self.scales),
            ("--offset", self.offsets),
            (NODATA, self.nodata),
        ):
            named = {*numbers.for_band, *filter(None, numbers.without)}
            if strangers := sorted(named - set(bands)):
                raise LandingError(f"{name} names {', '.join(strangers)}, which no --asset gives.")
        if 0 in {self.scales.for_all, *self.scales.for_band.values()}:
            raise LandingError(
                "a scale of 0 would make all values one; leave --scale out where values are not scaled."
            )


def parse_time(text: str, cadence: Cadence) -> tuple[datetime, datetime]:
    """Return when a scene was taken: an instant, a period or a closed interval.

    Raises:
        PeriodError: If the text is something else, or a period too long for the collection's cadence.
    """
    if "/" in text:
        interval = Interval.parse(text)
        if interval.start is None or interval.end is None:
            raise PeriodError(f"'{text}' has an open end; a scene begins and ends.")
        return interval.start, interval.end
    if re.fullmatch(r"[\d-]+(T\d\d)?", text):
        period = Period.parse(text)
        if COARSEST_FIRST.index(period.cadence) < COARSEST_FIRST.index(cadence):
            raise PeriodError(
                f"'{text}' is a {period.cadence.value}, but the collection has a mosaic for each "
                f"{cadence.value}; say in which {cadence.value} the scene was taken."
            )
        return period.start, period.end
    instant = parse_instant(text)
    return instant, instant


def parse_numbers(option: str, texts: Iterable[str]) -> PerBand:
    """Read `NUMBER` and `BAND=NUMBER`, each as often as wished; `none` is a number of `--nodata`.

    Raises:
        LandingError: If a text is neither, or a band is given twice.
    """
    number: Callable[[str], float] = read_nodata if option == "--nodata" else float
    given: dict[str | None, float] = {}
    without: set[str | None] = set()
    for text in texts:
        band, equals, value = text.rpartition("=")
        name = band if equals else None
        if name in given or name in without:
            raise LandingError(f"{option} is given twice for {name or 'all bands'}.")
        if option == NODATA and value.lower() == NONE:
            without.add(name)
            continue
        try:
            parsed = number(value)
        except ValueError as error:
            raise LandingError(
                f"{option} {text}: '{value}' is not a valid number; write 0.0001 or red=0.0001."
            ) from error
        if math.isinf(parsed) or (math.isnan(parsed) and option != NODATA):
            raise LandingError(f"{option} {text}: '{value}' is not a finite number.")
        given[name] = parsed
    for_all = given.pop(None, None)
    for_band = {band: value for band, value in given.items() if band}
    return PerBand(for_all, for_band, frozenset(without))
