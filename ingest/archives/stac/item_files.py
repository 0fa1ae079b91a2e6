"""STAC items in a file: an Item, or an ItemCollection as a search of a STAC API is saved."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from shapely.geometry import mapping

from ingest.archives.archive import Granule, GranuleRefusedError, LeftOut
from ingest.archives.stac.footprints import WORLD
from ingest.archives.stac.items import FLAG, declared_scale, read_granule
from mosaics.collection import Collection
from mosaics.descriptions.sources import BandAsset, StacSource


def read_item_file(
    document: Mapping[str, Any], collection: Collection, names: Mapping[str, str]
) -> Iterator[Granule | LeftOut] | None:
    """Return the granules of a file of items, or None if it has no items.

    The bands of an item are the assets that are called as a band of the collection is, and the bands of an
    asset of several that have such a name.

    Args:
        document: The file's object.
        collection: Whose bands are looked for.
        names: Bands of the collection, by other names that assets have, in lower case.
    """
    items = document.get("features") if document.get("type") == "FeatureCollection" else [document]
    if not isinstance(items, list) or not any(_is_item(item) for item in items):
        return None
    known = {band.casefold(): band for band in collection.band_names} | dict(names)
    return (_granule(item, collection, known) for item in items)


def _is_item(item: object) -> bool:
    if not isinstance(item, dict) or item.get("type") != "Feature":
        return False
    return isinstance(item.get("assets"), dict) and isinstance(item.get("properties"), dict)


def _granule(item: Any, collection: Collection, known: Mapping[str, str]) -> Granule | LeftOut:
    item_id = str(item.get("id"))[:100] if isinstance(item, dict) else "without id"
    if not _is_item(item):
        return LeftOut(item_id, "it is not a STAC Item with properties and assets")
    assets = _assets(item["assets"], known)
    if not assets:
        there = ", ".join(map(str, item["assets"])) or "none"
        return LeftOut(
            item_id,
            f"not one of its assets is named as a band of {collection.id} is, "
            f"{', '.join(collection.band_names[:16])}; there are: {there[:200]}. "
            "--band red=B04 says which asset is which band.",
        )
    source = StacSource(
        id="file",
        title="Items of a file",
        collection=collection.id,
        api="https://items.invalid",
        archive_collection="",
        assets=assets,
        offset=_offset(item, assets),
    )
    if (
        item.get("geometry") is None
    ):  # as STAC allows; where the scene lies is read from its files in any case
        item = {**item, "geometry": mapping(WORLD)}
    try:
        return read_granule(item, source, source.bands)
    except GranuleRefusedError as error:
        return LeftOut(item_id, str(error))


def _placed(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an item with a geometry, which STAC allows to be null: its files say where a scene lies."""
    return item if item.get("geometry") is not None else {**item, "geometry": mapping(WORLD)}


def _assets(assets: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, BandAsset]:
    """Return where the bands are: first assets by their own names, then by the names of their bands."""
    found: dict[str, BandAsset] = {}
    for key in assets:
        if band := known.get(str(key).casefold()):
            found.setdefault(band, BandAsset(asset=key))
    for key, asset in assets.items():
        for number, name in _band_names(asset):
            if band := known.get(name.casefold()):
                found.setdefault(band, BandAsset(asset=key, band=number))
    return found


def _band_names(asset: object) -> Iterator[tuple[int, str]]:
    """Yield number and names of the bands of an asset: eo:bands of STAC 1.0, bands of 1.1."""
    for field in ("bands", "eo:bands"):
        bands = asset.get(field) if isinstance(asset, dict) else None
        for number, band in enumerate(bands if isinstance(bands, list) else (), start=1):
            for name in ("name", "common_name", "eo:common_name"):
                if isinstance(band, dict) and isinstance(band.get(name), str):
                    yield number, band[name]


def _offset(item: Mapping[str, Any], assets: Mapping[str, BandAsset]) -> Literal["baseline", "flag", "item"]:
    """Return what tells scale and offset of an item's numbers; see `StacSource.offset`.

    Tools that describe files write scale 1 and offset 0 where a file has no tags, which says nothing.
    """
    if FLAG in item["properties"]:
        return "flag"
    said = (declared_scale(item["assets"][place.asset], place.band) for place in assets.values())
    return "item" if any(numbers not in {None, (1.0, 0.0)} for numbers in said) else "baseline"
