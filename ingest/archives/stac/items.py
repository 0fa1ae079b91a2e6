"""Reading the items of a STAC API: the one place that knows what their dictionaries look like."""

import functools
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.transform import Affine

from ingest.archives.archive import BandLayer, Granule, GranuleRefusedError, RemoteFile
from ingest.archives.stac.addresses import Address, as_written, self_link
from ingest.archives.stac.footprints import read_footprint
from ingest.encoding import parse_baseline
from ingest.file_facts import as_decimal
from ingest.landing_request import Provenance
from mosaics.collection import read_nodata
from mosaics.descriptions.sources import BandAsset, StacSource
from mosaics.period import parse_instant
from mosaics.raster.grid import FileGrid

CARRIED = ("platform", "constellation", "instruments", "grid:code", "earthsearch:boa_offset_applied")
"""Properties of an archive's item that ours keeps, beside those beginning with a prefix below."""
CARRIED_PREFIXES = ("s2:", "landsat:", "view:", "sat:")
MAX_PROPERTY_BYTES = 65_536
FLAG = "earthsearch:boa_offset_applied"


def read_granule(
    item: Mapping[str, Any], source: StacSource, bands: tuple[str, ...], *, address: Address = as_written
) -> Granule:
    """Return the granule an item is of.

    Args:
        item: As the API gives it.
        source: Says which asset each band is, and what tells the offset of the numbers.
        bands: Those wanted.
        address: Reads the addresses of files.

    Raises:
        GranuleRefusedError: If the item lacks what a granule needs, one of the wanted assets among it.
    """
    try:
        _require_objects(item)
        files, layers = _files_and_layers(item, source, bands, address)
        properties = item["properties"]
        start = properties.get("start_datetime") or properties["datetime"]
        cloud_cover = properties.get("eo:cloud_cover")
        return Granule(
            id=item["id"],
            start=parse_instant(start),
            end=parse_instant(properties.get("end_datetime") or start),
            footprint=read_footprint(item.get("geometry")),
            files=files,
            layers=layers,
            bands=bands,
            cloud_cover_percent=None if cloud_cover is None else float(cloud_cover),
            tile=_tile(properties),
            platform=str(properties.get("platform", "")).lower(),
            version=_version(properties),
            baseline=_text(properties.get("s2:processing_baseline")),
            offset_removed=bool(properties.get(FLAG)) if source.offset == "flag" else None,
            provenance=_provenance(item),
        )
    except GranuleRefusedError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise GranuleRefusedError(f"it is not a valid item of a scene: {error!r:.200}") from error


def _is_storable(name: str, value: object) -> bool:
    """Return whether a property is text and numbers as JSON, UTF-8 and PostgreSQL can hold them."""
    try:
        text = json.dumps([name, value], ensure_ascii=False, allow_nan=False)
        return len(text.encode()) <= MAX_PROPERTY_BYTES and "\\u0000" not in text
    except (ValueError, RecursionError):
        return False


def item_name(item: object) -> str:
    """Return what an item is called in messages: its id as one line of text, however odd it is."""
    item_id = item.get("id") if isinstance(item, Mapping) else None
    if item_id is None or item_id == "":
        return "an item without id"
    text = item_id if isinstance(item_id, str) else repr(item_id)
    return "".join(each if each.isprintable() else "?" for each in text[:100])


def _require_objects(item: object) -> None:
    """Refuse what is not an item with properties and assets; GranuleRefusedError."""
    if not isinstance(item, Mapping):
        raise GranuleRefusedError("it is not an object, as a STAC Item is")
    for name in ("properties", "assets"):
        if not isinstance(item.get(name), Mapping):
            raise GranuleRefusedError(f"its {name} are missing, or not an object")


def _files_and_layers(
    item: Mapping[str, Any], source: StacSource, bands: tuple[str, ...], address: Address
) -> tuple[dict[str, RemoteFile], dict[str, BandLayer]]:
    """Return the files of an item, each once, and where in them the bands of the source are."""
    found, properties = item["assets"], item["properties"]
    wanted = {band: source.band_asset(band) for band in bands}
    if missing := [
        f"{band} (asset {asset.asset})" for band, asset in wanted.items() if asset.asset not in found
    ]:
        raise GranuleRefusedError(f"it has no {', '.join(missing)}")
    files: dict[str, RemoteFile] = {}
    layers: dict[str, BandLayer] = {}
    names: dict[str, str] = {}
    for band in source.bands:
        place = source.band_asset(band)
        try:
            asset = found[place.asset]
            file = _file(asset, address)
            name = names.setdefault(place.asset, f"{band}.tif")
            layers[band] = _layer(asset, properties, place, name, declared=source.offset == "item")
            files.setdefault(name, file)
        except GranuleRefusedError as error:
            if band in wanted:
                raise GranuleRefusedError(f"{band} (asset {place.asset}): {error}") from error
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            if band in wanted:
                raise
    return files, layers


def _file(asset: object, address: Address) -> RemoteFile:
    """Return the file of an asset.

    Raises:
        GranuleRefusedError: If it does not say where the file is.
    """
    if not isinstance(asset, Mapping) or "href" not in asset:
        raise GranuleRefusedError("it does not say where its file is")
    size_bytes = asset.get("file:size")
    href = address(asset["href"])
    return RemoteFile(
        href=href,
        size_bytes=size_bytes if type(size_bytes) is int and size_bytes >= 0 else None,
        checksum=_text(asset.get("file:checksum")),
        media_type=str(asset.get("type", "")),
        # the bucket of the USGS bills everybody who reads it, which not every item says
        requester_pays=bool(asset.get("storage:requester_pays")) or href.startswith("s3://usgs-landsat/"),
        region=_text(asset.get("storage:region")),
    )


def _layer(
    asset: Mapping[str, Any], properties: Mapping[str, Any], place: BandAsset, file: str, *, declared: bool
) -> BandLayer:
    """Return where a band is; without grid, type and nodata where they are not said rightly."""
    facts = _band_facts(asset, place.band)
    layer = BandLayer(file, place.band, _scale_offset(facts) if declared else None)
    with suppress(KeyError, TypeError, ValueError, OverflowError, CRSError):
        dtype, nodata = facts.get("data_type"), facts.get("nodata")
        return replace(
            layer,
            grid=_grid({**properties, **asset}),
            dtype=None if dtype is None else str(dtype),
            nodata=None if nodata is None else read_nodata(nodata),
        )
    return layer


def declared_scale(asset: object, band: int) -> tuple[float, float] | None:
    """Return scale and offset that an asset declares of a band; None where it does not, or not rightly."""
    with suppress(TypeError, ValueError):
        return _scale_offset(_band_facts(asset, band)) if isinstance(asset, dict) else None
    return None


def _band_facts(asset: Mapping[str, Any], band: int) -> Mapping[str, Any]:
    """Return what an asset says of one of its bands: raster:bands of STAC 1.0, bands of 1.1."""
    facts = dict(asset)
    for name in ("bands", "raster:bands"):
        described = asset.get(name)
        if isinstance(described, list) and band <= len(described) and isinstance(described[band - 1], dict):
            facts |= described[band - 1]
    return facts


def _scale_offset(facts: Mapping[str, Any]) -> tuple[float, float] | None:
    scale = facts.get("scale", facts.get("raster:scale"))
    offset = facts.get("offset", facts.get("raster:offset", 0))
    return (as_decimal(float(scale)), as_decimal(float(offset))) if scale else None


def _grid(said: Mapping[str, Any]) -> FileGrid:
    """Return where an asset, its item's properties below it, says that the pixels lie.

    Raises:
        KeyError, TypeError, ValueError, CRSError: If it does not say it.
    """
    height, width = (int(number) for number in said["proj:shape"])
    return FileGrid(
        _crs(said), Affine(*(float(number) for number in said["proj:transform"][:6])), width, height
    )


def _crs(said: Mapping[str, Any]) -> CRS:
    """Return proj:code of the projection extension 2, proj:epsg of its first version, or proj:wkt2."""
    if code := said.get("proj:code"):
        return _crs_of_code(str(code))
    if epsg := said.get("proj:epsg"):
        return _crs_of_code(f"EPSG:{int(epsg)}")
    return CRS.from_wkt(said["proj:wkt2"])


@functools.lru_cache(maxsize=256)
def _crs_of_code(code: str) -> CRS:
    """Return a coordinate system; looking one up takes long, and all items of a search share a few."""
    return CRS.from_string(code)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _tile(properties: Mapping[str, Any]) -> str | None:
    """Return the tile of a granule, which archives write in different properties."""
    if code := properties.get("grid:code"):
        return str(code)
    if tile := properties.get("s2:mgrs_tile"):
        return f"MGRS-{tile}"
    path, row = properties.get("landsat:wrs_path"), properties.get("landsat:wrs_row")
    return f"WRS2-{path}{row}" if path and row else None


def _version(properties: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return baseline, then sequence, then when it was made: what orders versions of one granule."""
    baseline = properties.get("s2:processing_baseline")
    sequence = str(properties.get("s2:sequence", ""))
    made = properties.get("s2:generation_time") or properties.get("landsat:product_generated") or ""
    return (
        parse_baseline(baseline) if baseline else (0, 0),
        int(sequence) if sequence.isdigit() else 0,
        str(made),
    )


def _provenance(item: Mapping[str, Any]) -> Provenance:
    """Return what our item keeps of an archive's."""
    properties = {
        name: value
        for name, value in item["properties"].items()
        if (name in CARRIED or name.startswith(CARRIED_PREFIXES)) and _is_storable(name, value)
    }
    href = self_link(item)
    if href is None or not href.startswith("https://"):
        return Provenance(properties)
    return Provenance(properties, ({"rel": "derived_from", "href": href, "type": "application/geo+json"},))
