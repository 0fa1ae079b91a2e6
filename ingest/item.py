"""The STAC item of a scene: what every other program needs to read its COGs rightly, and reading it again."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import shapely
from antimeridian import bbox as antimeridian_bbox
from rasterio.crs import CRS
from rasterio.transform import Affine
from shapely.geometry import mapping

from ingest.encoding import Encoding
from ingest.integrity import Integrity
from ingest.landing_request import Origin
from ingest.planning import PlannedBand, ScenePlan, key_as_landed
from ingest.raster import SourceRaster
from mosaics.collection import Band, Collection, Provider, read_nodata, written_nodata
from mosaics.period import instant_text

EXTENSIONS = (
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
)
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
GEOJSON = "application/geo+json"
SYNTHETIC = "Synthetic demonstration data"

LACKING = "tilewatch:lacking_bands"
"""The property that names bands which were wanted, and which the archive's file does not have."""

OWN_PROPERTIES = frozenset(
    {
        *("datetime", "start_datetime", "end_datetime", "eo:cloud_cover", "proj:code", "proj:wkt2"),
        *("processing:software", "tilewatch:harmonisation", "tilewatch:sources", "tilewatch:synthetic"),
        *("title", "providers", "tilewatch:mended", LACKING),
    }
)
"""Properties of an item that `scene_item` writes; all others are of the scene's provenance."""


def labelled(collection: Collection) -> Collection:
    """Return a collection, saying of itself that what it holds is synthetic; it credits no archive."""
    return collection.model_copy(
        update={
            "title": f"{collection.title} ({SYNTHETIC.lower()})",
            "description": f"{SYNTHETIC} in the form of: {collection.description}",
            "attribution": SYNTHETIC,
            "providers": (Provider(name=SYNTHETIC, roles=("producer",)),),
        }
    )


def scene_item(plan: ScenePlan, files: Mapping[str, Integrity] = MappingProxyType({})) -> dict[str, Any]:
    """Return the STAC 1.1 item of a scene; assets lie beside it.

    Args:
        plan: What is landed.
        files: What is stated of the files of bands.
    """
    crs = {name: _crs_facts(band.raster.crs) for name, band in plan.bands.items()}
    common_crs = next(iter(crs.values())) if len({str(facts) for facts in crs.values()}) == 1 else {}
    properties: dict[str, Any] = {
        **plan.provenance.properties,
        "datetime": instant_text(plan.start),
        **_span(plan),
        **common_crs,
        "processing:software": {"tilewatch": version("tilewatch")},
        "tilewatch:harmonisation": {
            name: {
                "scale": band.encoding.scale,
                "offset": band.encoding.offset,
                "reason": band.encoding.reason,
            }
            for name, band in plan.bands.items()
        },
        "tilewatch:sources": {name: _source(band) for name, band in plan.bands.items()},
        "tilewatch:synthetic": plan.synthetic,
    }
    if plan.lacking:
        properties[LACKING] = list(plan.lacking)
    if plan.synthetic:
        properties |= {"title": SYNTHETIC, "providers": [{"name": SYNTHETIC, "roles": ["producer"]}]}
    if plan.cloud_cover_percent is not None:
        properties["eo:cloud_cover"] = plan.cloud_cover_percent
    geometry = mapping(shapely.normalize(plan.footprint))
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": list(EXTENSIONS),
        "id": plan.id,
        "collection": plan.collection.id,
        "geometry": geometry,
        "bbox": list(antimeridian_bbox(geometry)),
        "properties": properties,
        "links": [
            {"rel": "collection", "href": "../../../collection.json", "type": "application/json"},
            *map(dict, plan.provenance.links),
        ],
        "assets": {
            name: {**_asset(plan, name, band, {} if common_crs else crs[name]), **files.get(name, {})}
            for name, band in plan.bands.items()
        },
    }


def _asset(plan: ScenePlan, name: str, band: PlannedBand, crs: dict[str, Any]) -> dict[str, Any]:
    described = plan.collection.band(name)
    facts: dict[str, Any] = {
        "name": name,
        "data_type": band.raster.dtype,
        "unit": band.encoding.unit,
        "raster:scale": band.encoding.scale,
        "raster:offset": band.encoding.offset,
        "raster:spatial_resolution": band.raster.pixel_size_m,
    }
    if band.encoding.nodata is not None:
        facts["nodata"] = _nodata(band)
    if described.wavelength_um is not None:
        facts["eo:center_wavelength"] = described.wavelength_um
    signing = {"tilewatch:signing": band.origin.signing} if band.origin and band.origin.signing else {}
    return {
        "href": band.origin.href if band.origin and band.referenced else f"./{name}.tif",
        **(signing if band.referenced else {}),
        "type": COG,
        "title": described.title,
        "roles": ["data"],
        **crs,
        "proj:shape": list(band.raster.height_width),
        "proj:transform": list(band.raster.transform)[:6],
        "proj:bbox": list(band.raster.bounds),
        "bands": [facts],
    }


def _source(band: PlannedBand) -> dict[str, Any]:
    source: dict[str, Any] = {"file": band.raster.name, "band": band.raster.layer}
    if band.origin is not None:
        source["href"] = band.origin.href
    if band.sha256 is not None:
        source["sha256"] = band.sha256
    return source


def _span(plan: ScenePlan) -> dict[str, str]:
    if plan.start == plan.end:
        return {}
    return {"start_datetime": instant_text(plan.start), "end_datetime": instant_text(plan.end)}


def _crs_facts(crs: CRS) -> dict[str, Any]:
    code = crs.to_epsg()
    if code is not None and CRS.from_epsg(code) == crs:
        return {"proj:code": f"EPSG:{code}"}
    return {"proj:code": None, "proj:wkt2": crs.to_wkt(version="WKT2_2019")}


def _nodata(band: PlannedBand) -> float | str:
    nodata = band.encoding.nodata
    assert nodata is not None  # noqa: S101 - asked only where there is one
    return int(nodata) if np.dtype(band.raster.dtype).kind in "iu" else written_nodata(nodata)


@dataclass(frozen=True, slots=True)
class LandedItem:
    """An item that `scene_item` has written."""

    key: str
    document: Mapping[str, Any]

    @property
    def bands(self) -> tuple[str, ...]:
        """What it has."""
        return tuple(self.document["assets"])

    @property
    def wanted(self) -> tuple[str, ...]:
        """What was wanted of it, what its archive's file does not have among it."""
        return tuple(dict.fromkeys((*self.bands, *self.document["properties"].get(LACKING, ()))))

    @property
    def digest(self) -> str:
        """See `ingest.planning.ScenePlan.digest`."""
        return key_as_landed(self.key).split("/")[-2]

    @property
    def provenance(self) -> dict[str, Any]:
        """The properties it has of its archive."""
        properties: Mapping[str, Any] = self.document["properties"]
        return {name: value for name, value in properties.items() if name not in OWN_PROPERTIES}

    @property
    def baseline(self) -> str | None:
        """Processing baseline of Sentinel-2."""
        return self.provenance.get("s2:processing_baseline")

    def is_referenced(self, band: str) -> bool:
        """Return whether the pixels of a band were left in their archive."""
        return "://" in self.document["assets"][band]["href"]

    def planned(self, band: Band) -> PlannedBand:
        """Return one of its bands as it was planned."""
        properties, asset = self.document["properties"], self.document["assets"][band.name]
        source = properties["tilewatch:sources"][band.name]
        decided = properties["tilewatch:harmonisation"][band.name]
        (facts,) = asset["bands"]
        said = {**properties, **asset}
        height, width = said["proj:shape"]
        code = said.get("proj:code")
        nodata = None if "nodata" not in facts else read_nodata(facts["nodata"])
        left = self.is_referenced(band.name)
        return PlannedBand(
            raster=SourceRaster(
                path=Path(source["file"]),
                layer=source["band"],
                files=(),
                height_width=(height, width),
                dtype=facts["data_type"],
                crs=CRS.from_string(code)
                if (code := said.get("proj:code"))
                else CRS.from_wkt(said["proj:wkt2"]),
                transform=Affine(*said["proj:transform"]),
                south_up=False,
                nodata=nodata,
                scale_offset=(1.0, 0.0),
                has_mask=False,
            ),
            encoding=Encoding(
                nodata=nodata,
                scale=decided["scale"],
                offset=decided["offset"],
                unit=facts["unit"],
                categorical=band.categorical,
                reason=decided["reason"],
            ),
            sha256=source.get("sha256"),
            origin=Origin(source["href"], referenced=left, signing=asset.get("tilewatch:signing"))
            if "href" in source
            else None,
            stored_key=None if left else f"{self.key.rpartition('/')[0]}/{band.name}.tif",
        )
