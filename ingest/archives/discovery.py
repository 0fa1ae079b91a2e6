"""Discovery: of what an archive has for a search, the granules that are worth landing."""

import itertools
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType

import shapely
from shapely.errors import ShapelyError

from ingest.archives.archive import Archive, Granule, LeftOut, Wanted, WantedError

ONE_OVERPASS = timedelta(minutes=30)
"""A satellite is back over a place after an orbit at the earliest, which takes about 99 minutes."""
SLIVER = 0.05
"""Share of a granule's ground past which it is more than the edge that versions differ by."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a search comes to."""

    granules: tuple[Granule, ...]
    found: int
    """Things the archive has sent."""
    duplicates: int = 0
    cloudy: int = 0
    """Granules left out since they have more clouds than wanted, or do not say how many."""
    elsewhere: int = 0
    """Things left out that the archive has sent without having been asked for them."""
    over_limit: int = 0
    refused: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Why, by id, granules that were asked for cannot be used."""
    newest_revision: datetime | None = None
    """When the archive last changed one of all it has sent; None where it does not tell."""
    newest_cloudy: datetime | None = None
    """When the newest of those begins that are left out for their clouds."""


async def discover(archive: Archive, wanted: Wanted) -> Discovery:
    """Search an archive and keep what is worth landing.

    Lesser versions go before clouds, and clouds before what is past the limit.

    Raises:
        WantedError: If the archive does not have one of the bands.
        ArchiveError: If the archive cannot be searched.
    """
    _refuse_other_bands(archive, wanted.bands)
    found = elsewhere = 0
    refused: dict[str, str] = {}
    granules: dict[str, Granule] = {}
    revisions: list[datetime] = []
    async for one in archive.search(wanted):
        found += 1
        if isinstance(one, Granule) and one.revised is not None:
            revisions.append(one.revised)
        if isinstance(one, LeftOut):
            if one.reason is None:
                elsewhere += 1
            else:
                refused[_unlike(one.id, refused)] = one.reason
        elif _is_wanted(one, wanted):
            before = granules.get(one.id)
            if before is None or one.version > before.version:
                granules[one.id] = one
        else:
            elsewhere += 1
    newest = newest_versions(granules.values())
    clear = [granule for granule in newest if not _is_cloudy(granule, wanted.max_cloud_percent)]
    is_clear = {granule.id for granule in clear}
    kept = tuple(clear[: wanted.limit])
    return Discovery(
        granules=kept,
        found=found,
        duplicates=found - elsewhere - len(refused) - len(newest),
        cloudy=len(newest) - len(clear),
        elsewhere=elsewhere,
        over_limit=len(clear) - len(kept),
        refused=refused,
        newest_revision=max(revisions, default=None),
        newest_cloudy=max((each.start for each in newest if each.id not in is_clear), default=None),
    )


def newest_versions(granules: Iterable[Granule]) -> tuple[Granule, ...]:
    """Return of granules that are one the one of the highest version, where the first of them was.

    Granules are one where tile, satellite and overpass are, and the lesser version shows no ground that the
    higher does not. A tile may be taken twice a day near the poles, and in parts where a receiving station
    hands over to the next in the middle of it (two datastrips): those all stay, and so do granules without a
    tile.
    """
    found = list(granules)
    kept: dict[tuple[str, ...], list[Granule]] = {}
    for granule in sorted(found, key=lambda granule: (granule.version, granule.id), reverse=True):
        place = (granule.id,) if granule.tile is None else (granule.tile, granule.platform)
        others = kept.setdefault(place, [])
        higher = next((at for at, other in enumerate(others) if _is_version_of(granule, other)), None)
        if higher is None:
            others.append(granule)
        else:
            lesser = tuple(sorted((*others[higher].supersedes, granule.id)))
            others[higher] = replace(others[higher], supersedes=lesser)
    order = {granule.id: at for at, granule in enumerate(found)}
    newest = (granule for others in kept.values() for granule in others)
    return tuple(
        sorted(newest, key=lambda granule: min(order[id_] for id_ in (granule.id, *granule.supersedes)))
    )


def _unlike(name: str, others: Container[str]) -> str:
    """Return a name, with a number where there is one like it: several items may lack an id."""
    numbered = (f"{name} ({number})" for number in itertools.count(2))
    return next(each for each in itertools.chain([name], numbered) if each not in others)


def _refuse_other_bands(archive: Archive, bands: Iterable[str]) -> None:
    if strangers := [band for band in bands if band not in archive.band_names]:
        raise WantedError(
            f"no band {', '.join(strangers)} in source {archive.id!r}; "
            f"there are: {', '.join(archive.band_names)}."
        )


def _is_wanted(granule: Granule, wanted: Wanted) -> bool:
    """Return whether a granule is what was asked for; the `next` link of an API may forget the question."""
    return wanted.interval.overlaps(granule.start, granule.end) and bool(
        shapely.intersects(wanted.bbox.geometry, granule.footprint)
    )


def _is_version_of(lesser: Granule, higher: Granule) -> bool:
    """Return whether one of two granules of a tile and satellite shows no more of the same overpass."""
    if abs(lesser.start - higher.start) > ONE_OVERPASS:
        return False
    try:
        own = shapely.difference(lesser.footprint, higher.footprint)
    except ShapelyError:  # outlines so close that GEOS loses its way; both are kept
        return False
    return bool(shapely.area(own) <= SLIVER * shapely.area(lesser.footprint))


def _is_cloudy(granule: Granule, most_percent: float | None) -> bool:
    if most_percent is None:
        return False
    return granule.cloud_cover_percent is None or granule.cloud_cover_percent > most_percent
