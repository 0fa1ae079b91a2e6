"""Synthetic items, in the form of the archives that they are named after."""

from collections.abc import Callable
from typing import Any

from shapely.geometry import box, mapping

MOL_10M = [10, 0, 655360, 0, -10, 5686280]
BANDS = {"red": "B04", "nir": "B08", "scl": "SCL"}
SIDE_PX = 300


def sentinel_item(
    root: str,
    scene_id: str = "S2A_31UFT_20240615_0_L2A",
    *,
    day: str = "2024-06-15",
    tile: str = "31UFT",
    platform: str = "sentinel-2a",
    cloud_cover: float | None = 4.0,
    baseline: str = "05.10",
    sequence: str = "0",
    collection: str = "sentinel-2-l2a",
    boa_offset_applied: bool | None = None,
    facts: Callable[[str], dict[str, Any]] = lambda _: {},
    **properties: Any,
) -> dict[str, Any]:
    """A synthetic Sentinel-2 item as Earth Search writes them, its files at `{root}/{scene_id}/B04.tif` …"""
    side_m = SIDE_PX * 10
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": scene_id,
        "collection": collection,
        "geometry": mapping(box(5.2, 51.25, 5.3, 51.32)),
        "bbox": [5.2, 51.25, 5.3, 51.32],
        "properties": {
            "title": "synthetic",
            "datetime": f"{day}T10:50:29.000000Z",
            "platform": platform,
            "grid:code": f"MGRS-{tile}",
            "proj:epsg": 32631,
            "s2:processing_baseline": baseline,
            "s2:sequence": sequence,
            **({} if boa_offset_applied is None else {"earthsearch:boa_offset_applied": boa_offset_applied}),
            **({} if cloud_cover is None else {"eo:cloud_cover": cloud_cover}),
            **properties,
        },
        "links": [{"rel": "self", "href": f"https://archive.example/items/{scene_id}"}],
        "assets": {
            band: {
                "href": f"{root}/{scene_id}/{file}.tif",
                "type": "image/tiff; application=geotiff; profile=cloud-optimized",
                "proj:shape": [side_m // 10, side_m // 10] if band != "scl" else [side_m // 20, side_m // 20],
                "proj:transform": MOL_10M if band != "scl" else [20, 0, 655360, 0, -20, 5686280],
                "raster:bands": [
                    {"nodata": 0, "data_type": "uint8"}
                    if band == "scl"
                    else {"nodata": 0, "data_type": "uint16", "scale": 0.0001, "offset": -0.1}
                ],
                **facts(band),
            }
            for band, file in BANDS.items()
        },
    }
