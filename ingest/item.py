"""The STAC item of a scene: what every other program needs to read its COGs rightly."""

from importlib.metadata import version
from typing import Any

import numpy as np
import shapely
from antimeridian import bbox as antimeridian_bbox
from rasterio.crs import CRS
from shapely.geometry import mapping

from ingest.planning import PlannedBand, ScenePlan
from mosaics.collection import written_nodata
from mosaics.period import instant_text

EXTENSIONS = (
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
)
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
GEOJSON = "application/geo+json"
SYNTHETIC = "Synthetic demonstration data"


def scene_item(plan: ScenePlan) -> dict[str, Any]:
    """The STAC 1.1 item of a scene; assets lie beside it."""
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
            name: _asset(plan, name, band, {} if common_crs else crs[name])
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
    source: dict[str, Any] = {"file": band.raster.name, "band": band.raster.index}
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
