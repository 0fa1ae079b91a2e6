"""Known: values that exist in the demo, so that requests come further than to "no such product"."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

HERE = {
    "type": "Polygon",
    "coordinates": [
        [[-99.03, 40.48], [-98.97, 40.48], [-98.97, 40.52], [-99.03, 40.52], [-99.03, 40.48]],
    ],
}
"""A polygon over the demo's fields."""

ITEM = "/stac/collections/sentinel-2-l2a/items/synthetic-s2-east-2024-06"

PERIODS = ("2024-06", "2024-01/2024-06", "../2024-02", "../..", "2024-06-10T00:00:00Z", "2023-12")
BOXES = ("-99.1,40.4,-98.9,40.6", "-180,-90,180,90", "170,-10,-170,10", "-99,40.5,-99,40.5", "0,0,1,1")
SYSTEMS = ("EPSG:4326", "EPSG:3857", "EPSG:32614", "EPSG:3031", "EPSG:2193", "EPSG:5514", "OGC:CRS84")

IN_PATH: Mapping[str, Sequence[Any]] = {
    "product": ("ndvi", "ndvi", "ndvi", "dnbr", "true-color", "nightlights", "no2", "ndvi-change", "no-such"),
    "collection": ("sentinel-2-l2a", "black-marble-monthly", "tempo-no2", "naip"),
    "collection_id": ("sentinel-2-l2a", "black-marble-monthly", "tempo-no2", "naip"),
    "tms": ("WebMercatorQuad", "WorldCRS84Quad", "UPSArcticWGS84Quad", "LINZAntarticaMapTilegrid"),
    "tileMatrixSetId": ("WebMercatorQuad", "WorldCRS84Quad", "EuropeanETRS89_LAEAQuad"),
    "colorMapId": ("viridis", "gray", "ylgn"),
    "area": (1, 2, 3, 9999),
    "route": (1, 2, 9999),
    "job": (1, 2, 9999),
    "feed": (1, 2, 9999),
    "region": ("demo-fire", "no-such"),
    "item_id": ("synthetic-s2-east-2024-06", "synthetic-s2-west-2024-06", "no-such"),
    "name": ("red.tif", "nir.tif", "scl.tif", "no-such.tif"),
    "format": ("png", "webp", "npy", "tif"),
    "lon": (-99.0, 180, -180, 0),
    "lat": (40.5, 90, -90, 0),
    "width": (1, 20, 300),
    "height": (1, 20, 300),
}
"""Values by the name of a parameter in the path."""

TILES = ((10, 230, 385), (12, 921, 1543), (13, 1843, 3087), (4, 3, 6), (0, 0, 0), (24, 3773475, 6320973))
"""Tiles of WebMercatorQuad over the demo."""

CORNERS = (
    (-99.1, 40.4, -98.9, 40.6),
    (-180, -90, 180, 90),
    (-11040000, 4930000, -11000000, 4960000),
    (179, -1, -179, 1),
)
"""Boxes in a path: west, south, east, north."""

IN_QUERY: Mapping[str, Sequence[Any]] = {
    "datetime": PERIODS,
    "pre": ("2024-05", "2023-09/2023-11"),
    "post": ("2024-06",),
    "baseline": ("2020/2023",),
    "offset": ("0.1", "-1e30", "ring", "ring:300"),
    "bbox": BOXES,
    "limit": (1, 3, 10_000),
    "bands": ("red", "nir", "red,green,blue"),
    "expression": ("(nir-red)/(nir+red)", "red", "nir/0", "where(red>0.1,nir,0)"),
    "rescale": ("0,1", "-1,1"),
    "colormap": ("viridis", "gray"),
    "tilesize": (256, 512),
    "coord_crs": SYSTEMS,
    "dst_crs": SYSTEMS,
    "crs": SYSTEMS,
    "intersects": (json.dumps(HERE), '{"type":"Point","coordinates":[-99,40.5]}'),
    "collections": ("sentinel-2-l2a", "sentinel-2-l2a,tempo-no2"),
    "collection": ("sentinel-2-l2a",),
    "product": ("ndvi", "true-color"),
    "query": ('{"eo:cloud_cover":{"lt":50}}', '{"platform":{"startsWith":"s"}}'),
    "sortby": ("-datetime", "+id,-eo:cloud_cover", "properties.datetime"),
    "fields": ("id,properties.datetime", "-assets,-links"),
    "filter": ("eo:cloud_cover < 50", "id LIKE 'synthetic%'"),
    "filter-lang": ("cql2-text",),
    "percentiles": ("2,98", "50"),
    "histogram_range": ("0,1",),
    "histogram_bins": (1, 10, 1000),
    "point": ("-99,40.5",),
    "f": ("json", "html", "csv"),
    "start": ("2024-01",),
    "end": ("2024-06",),
    "width": (20, 64),
    "height": (20, 64),
    "max_size": (16, 256),
}  # fmt: skip
"""Values by the name of a query parameter."""


def existing(client: httpx.Client) -> dict[str, Sequence[Any]]:
    """Return values of parameters in paths, with the version of a file that is there."""
    item = client.get(ITEM).json()
    version = item["assets"]["red"]["href"].rsplit("/", 2)[1]
    return {**IN_PATH, "version": (version, "d1")}
