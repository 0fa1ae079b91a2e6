"""Reading an archive's STAC item: the scene it is of, its files, its version."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import shapely
from shapely.geometry import shape

from ingest.archives.archive import ArchiveScene, RemoteFile, SceneRefusedError
from ingest.encoding import parse_baseline
from ingest.landing_request import SCENE_ID, Provenance
from mosaics.period import parse_instant

CARRIED = ("platform", "constellation", "instruments", "grid:code", "earthsearch:boa_offset_applied")
"""Properties of an archive's item that ours keeps, beside those beginning with a prefix below."""
CARRIED_PREFIXES = ("s2:", "landsat:", "view:", "sat:")
ONE_OVERPASS = timedelta(minutes=30)
"""A satellite is back over a place after an orbit at the earliest, which takes about 99 minutes."""
SLIVER = 0.05
"""Share of a scene's ground past which it is more than the edge that versions differ by."""


def read_scene(item: Mapping[str, Any], assets: Mapping[str, str]) -> ArchiveScene:
    """The scene an item is of.

    Args:
        item: As the archive gives it.
        assets: The item's asset of each band wanted.

    Raises:
        SceneRefusedError: Where the item lacks what a scene needs, one of the assets among it.
    """
    try:
        files = _files(item["assets"], assets)
        if not SCENE_ID.fullmatch(item["id"]):
            raise SceneRefusedError("its id is none that a scene may have")  # noqa: TRY301 - beside its like
        properties = item["properties"]
        start = properties.get("start_datetime") or properties["datetime"]
        cloud_cover = properties.get("eo:cloud_cover")
        return ArchiveScene(
            id=item["id"],
            start=parse_instant(start),
            end=parse_instant(properties.get("end_datetime") or start),
            cloud_cover_percent=None if cloud_cover is None else float(cloud_cover),
            files=files,
            grid=_grid(properties),
            platform=str(properties.get("platform", "")).lower(),
            version=_version(properties),
            item=item,
        )
    except SceneRefusedError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SceneRefusedError(f"it is no item of a scene: {error!r}") from error


def _files(found: Mapping[str, Any], assets: Mapping[str, str]) -> dict[str, RemoteFile]:
    if missing := [f"{band} (asset {name})" for band, name in assets.items() if name not in found]:
        raise SceneRefusedError(f"it has no {', '.join(missing)}")
    return {band: _file(found[name]) for band, name in assets.items()}


def newest_versions(scenes: Iterable[ArchiveScene]) -> tuple[ArchiveScene, ...]:
    """Of scenes that are one the one of the highest version, where the first of them was.

    Scenes are one where grid, satellite and overpass are, and the lesser version shows no ground that the
    higher does not. A tile may be taken twice a day near the poles, and in parts where a receiving station
    hands over to the next in the middle of it (two datastrips): those all stay. So do scenes without a grid.
    """
    found = list(scenes)
    kept: dict[tuple[str, ...], list[ArchiveScene]] = {}
    for scene in sorted(found, key=lambda scene: (scene.version, scene.id), reverse=True):
        place = kept.setdefault((scene.id,) if scene.grid is None else (scene.grid, scene.platform), [])
        higher = next((at for at, other in enumerate(place) if _is_version_of(scene, other)), None)
        if higher is None:
            place.append(scene)
        else:
            lesser = tuple(sorted((*place[higher].supersedes, scene.id)))
            place[higher] = replace(place[higher], supersedes=lesser)
    order = {scene.id: at for at, scene in enumerate(found)}
    newest = (scene for place in kept.values() for scene in place)
    return tuple(sorted(newest, key=lambda scene: min(order[one] for one in (scene.id, *scene.supersedes))))


def _is_version_of(lesser: ArchiveScene, higher: ArchiveScene) -> bool:
    """Whether a scene of the same grid and satellite is of the same overpass, and shows no more ground."""
    if abs(lesser.start - higher.start) > ONE_OVERPASS:
        return False
    ground = scene_geometry(lesser.item)
    own = shapely.difference(ground, scene_geometry(higher.item))
    return bool(shapely.area(own) <= SLIVER * shapely.area(ground))


def band_facts(asset: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an asset says of its one band: raster:bands of STAC 1.0, bands of 1.1."""
    facts = {**(asset.get("bands") or [{}])[0], **(asset.get("raster:bands") or [{}])[0]}
    return {**asset, **facts}


def _file(asset: Mapping[str, Any]) -> RemoteFile:
    size_bytes = asset.get("file:size")
    href = str(asset["href"])
    return RemoteFile(
        href=href,
        size_bytes=size_bytes if isinstance(size_bytes, int) and size_bytes >= 0 else None,
        checksum=_text(asset.get("file:checksum")),
        # the bucket of the USGS bills whoever reads it, which not every item says
        requester_pays=bool(asset.get("storage:requester_pays")) or href.startswith("s3://usgs-landsat/"),
        region=_text(asset.get("storage:region")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def scene_geometry(item: Mapping[str, Any]) -> shapely.Geometry:
    """Where an item says its scene lies; `SceneRefusedError` where it says nothing usable."""
    try:
        geometry = shape(item["geometry"])
        return geometry if geometry.is_valid else shapely.make_valid(geometry)
    except (KeyError, TypeError, ValueError, AttributeError, shapely.GEOSException) as error:
        raise SceneRefusedError("says nothing usable of where it lies") from error


def _grid(properties: Mapping[str, Any]) -> str | None:
    """The tile of a scene, which archives write in different properties."""
    if code := properties.get("grid:code"):
        return str(code)
    if tile := properties.get("s2:mgrs_tile"):
        return f"MGRS-{tile}"
    path, row = properties.get("landsat:wrs_path"), properties.get("landsat:wrs_row")
    return f"WRS2-{path}{row}" if path and row else None


def _version(properties: Mapping[str, Any]) -> tuple[Any, ...]:
    """Baseline, then sequence, then when it was made: what orders versions of one scene."""
    baseline = properties.get("s2:processing_baseline")
    sequence = str(properties.get("s2:sequence", ""))
    made = properties.get("s2:generation_time") or properties.get("landsat:product_generated") or ""
    return (
        parse_baseline(baseline) if baseline else (0, 0),
        int(sequence) if sequence.isdigit() else 0,
        str(made),
    )


def item_provenance(item: Mapping[str, Any]) -> Provenance:
    """What our item keeps of an archive's."""
    properties = {
        name: value
        for name, value in item["properties"].items()
        if name in CARRIED or name.startswith(CARRIED_PREFIXES)
    }
    own: Mapping[str, Any] = next((link for link in item.get("links") or () if link.get("rel") == "self"), {})
    href = str(own.get("href", ""))
    if not re.match(r"https://[^@\s]+$", href):
        return Provenance(properties)
    return Provenance(properties, ({"rel": "derived_from", "href": href, "type": "application/geo+json"},))
