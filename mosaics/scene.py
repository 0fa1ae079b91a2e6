"""A scene: its STAC Item, as it is read for pixels."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from mosaics.checksums import FIELD, HEAD, MASKED, read_checksums, read_head
from mosaics.collection import read_nodata
from mosaics.period import PeriodError, parse_instant
from mosaics.storage import Storage


class SceneError(ValueError):
    """A scene record or item that cannot be; the message names the scene and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One band of one scene, as it is opened and understood."""

    band: str
    path: str
    """What GDAL opens."""
    dtype: str
    nodata: float | None
    """Stored number that marks a missing value; may be NaN."""
    scale: float
    """Physical value = stored number x scale + offset."""
    offset: float
    unit: str
    checksums: tuple[bytes, ...] = field(default=(), compare=False, repr=False)
    """Of the file's blocks, by level (`mosaics.checksums`); empty where the item states none."""
    with_mask: bool = field(default=False, compare=False, repr=False)
    """Whether the checksums of blocks hold for their parts of the file's mask, too."""
    head: tuple[int, int] | None = field(default=None, compare=False, repr=False)
    """Bytes of the file before its first block, and their checksum; None where the item states none."""


@dataclass(frozen=True, slots=True)
class SceneItem:
    """A scene's STAC Item, with its assets ready to be opened."""

    id: str
    item_key: str
    collection: str
    start: datetime
    end: datetime
    assets: Mapping[str, Asset]
    """By band name."""
    properties: Mapping[str, Any]
    geometry: Mapping[str, Any] | None = None
    """GeoJSON of its footprint, in degrees; None where the item tells none."""


def read_item(document: Mapping[str, Any], item_key: str, storage: Storage) -> SceneItem:
    """Read a scene's STAC Item.

    Args:
        document: A STAC Item whose data assets are keyed by band name and describe their one band in
            ``bands`` (STAC 1.1) or ``raster:bands`` (raster extension 1).
        item_key: Where the item stands in storage; relative asset addresses start there.
        storage: Tells what GDAL opens.

    Raises:
        SceneError: If the item lacks what is needed, or an asset's address may not be opened.
    """
    try:
        properties = document["properties"]
        start = properties.get("start_datetime") or properties["datetime"]
        end = properties.get("end_datetime") or start
        assets = {
            name: _read_asset(name, asset, item_key, storage)
            for name, asset in document["assets"].items()
            if asset.get("bands") or asset.get("raster:bands")
        }
        return SceneItem(
            id=document["id"],
            item_key=item_key,
            collection=document["collection"],
            start=parse_instant(start),
            end=parse_instant(end),
            assets=assets,
            properties=properties,
            geometry=document.get("geometry"),
        )
    except (KeyError, TypeError, AttributeError, PeriodError) as error:
        raise SceneError(f"{item_key} is not a STAC item of a scene: {error!r}") from error


def _read_asset(name: str, asset: Mapping[str, Any], item_key: str, storage: Storage) -> Asset:
    # STAC 1.1 has "bands" with raster:scale; the raster extension 1 had "raster:bands" with scale.
    facts = {**(asset.get("bands") or [{}])[0], **(asset.get("raster:bands") or [{}])[0]}
    nodata = facts.get("nodata")
    scale = float(facts.get("scale", facts.get("raster:scale", 1.0)))
    if not (math.isfinite(scale) and scale):
        raise SceneError(f"{item_key} scales its band '{name}' by {scale:g}, which leaves no values")
    return Asset(
        band=name,
        path=_gdal_path(asset["href"], item_key, storage, asset.get("tilewatch:signing")),
        dtype=facts["data_type"],
        nodata=None if nodata is None else read_nodata(nodata),
        scale=scale,
        offset=float(facts.get("offset", facts.get("raster:offset", 0.0))),
        unit=facts.get("unit", "1"),
        checksums=read_checksums(asset.get(MASKED, asset.get(FIELD))),
        with_mask=MASKED in asset,
        head=read_head(asset.get(HEAD)),
    )


_BESIDE = re.compile(r"(?:\./)?([A-Za-z0-9_-][A-Za-z0-9._-]*)", re.ASCII)
_PUBLIC = re.compile(r"(https|s3)://([A-Za-z0-9][A-Za-z0-9._/=+~%-]*)", re.ASCII)


_BLOB = re.compile(r"https://([a-z0-9]{3,24})\.blob\.core\.windows\.net/([a-z0-9-]{3,63})/", re.ASCII)


def _gdal_path(href: str, item_key: str, storage: Storage, signing: object) -> str:
    if beside := _BESIDE.fullmatch(href):
        return storage.gdal_path(f"{item_key.rpartition('/')[0]}/{beside[1]}")
    public = _PUBLIC.fullmatch(href)
    if public and signing == "planetary-computer" and (blob := _BLOB.match(href)):
        # GDAL asks for the container's token itself, and for the next before that one ends.
        container = f"{blob[1]}/{blob[2]}"
        return f"/vsicurl?pc_url_signing=yes&pc_collection={container}&url={quote(href, safe='')}"
    if public:
        return _unsigned(public, storage)
    raise SceneError(f"{item_key} names an asset that is neither beside it nor at an https or s3 address")


def _unsigned(public: re.Match[str], storage: Storage) -> str:
    """Return the path of a file, read without credentials unless it lies in the storage's own bucket."""
    if public[1] == "https":
        return f"/vsicurl/{public[0]}"
    bucket, _, key = public[2].partition("/")
    if storage.gdal_path("x").startswith(f"/vsis3/{bucket}/"):
        return f"/vsis3/{bucket}/{key}"
    return f"/vsicurl/https://{bucket}.s3.amazonaws.com/{key}"
