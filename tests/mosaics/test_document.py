"""Mosaic documents: standard to a stock reader, exact in what they list, and whole or refused."""

import gzip
import itertools
import json

import morecantile
import numpy as np
import pytest
import shapely
from cogeo_mosaic.backends.file import FileBackend
from cogeo_mosaic.backends.memory import MemoryBackend
from cogeo_mosaic.mosaic import MosaicJSON

from mosaics.document import MosaicDocument, MosaicDocumentError, build_document, quadkey_zoom
from mosaics.index import QuadkeyIndex
from mosaics.scene import SceneError
from tests.mosaics.records import scene

WEB_MERCATOR = morecantile.tms.get("WebMercatorQuad")


def href(key):
    return f"s3://bucket/{key}"


def read(data):
    return json.loads(gzip.decompress(data))


def three_scenes():
    """Two scenes that overlap and one across the antimeridian, in two parts."""
    return [
        scene("cloudy", shapely.box(0.1, 0.1, 1.1, 1.1), cloud_cover_percent=80.0),
        scene("clear", shapely.box(0.6, 0.6, 1.6, 1.6), cloud_cover_percent=1.0),
        scene(
            "pacific", shapely.MultiPolygon([shapely.box(179.5, 0, 180, 1), shapely.box(-180, 0, -179.5, 1)])
        ),
    ]


def test_the_scenes_come_back_best_first():
    document = MosaicDocument(build_document("harvest 2024-06", three_scenes(), href))
    assert [record.id for record in document.scenes()] == ["clear", "pacific", "cloudy"]
    assert sorted(document.scenes(), key=lambda r: r.id) == sorted(three_scenes(), key=lambda r: r.id)
    assert document.name == "harvest 2024-06"


def test_equal_scenes_give_equal_bytes_in_any_order():
    assert build_document("m", three_scenes(), href) == build_document("m", three_scenes()[::-1], href)


def test_it_is_a_mosaicjson_of_version_0_0_3():
    document = read(build_document("harvest 2024-06", three_scenes(), href))
    mosaic = MosaicJSON(**document)
    # Scenes of one degree are two to four cells across at zoom 10, where a cell is 0.35 degrees wide.
    assert mosaic.mosaicjson == "0.0.3"
    assert mosaic.quadkey_zoom == 10
    assert mosaic.asset_type == "STAC"
    assert list(mosaic.bounds) == [-180, 0, 180, 1.6]
    assert mosaic.minzoom == 6
    # 10 m pixels: zoom 14 has 9.55 m at the equator.
    assert mosaic.maxzoom == 14
    assert len(document["tilewatch:scenes"]) == 3


def test_tiles_list_exactly_the_footprints_that_share_area_with_them():
    document = read(build_document("m", three_scenes(), href))
    zoom = document["quadkey_zoom"]
    seen: dict[str, list[str]] = {}
    around = [(-180, -0.5, -179, 1.5), (-0.5, -0.5, 2.1, 2.1), (179, -0.5, 179.99999, 1.5)]
    for tile in itertools.chain(*(WEB_MERCATOR.tiles(*box, zooms=zoom) for box in around)):
        west, south, east, north = WEB_MERCATOR.bounds(tile)
        area = shapely.box(west, south, east, north)
        ids = [
            record.id
            for record in sorted(three_scenes(), key=lambda record: record.best_first)
            if record.polygons().intersection(area).area > 1e-12
        ]
        if ids:
            seen[WEB_MERCATOR.quadkey(tile)] = [
                href(f"collections/harvest/scenes/{i}/d1/item.json") for i in ids
            ]
    assert document["tiles"] == seen


@pytest.mark.parametrize("backend", ["file", "memory"])
def test_a_stock_reader_finds_the_scenes_our_index_finds_in_the_same_order(tmp_path, backend):
    rng = np.random.default_rng(7)
    records = [
        scene(
            f"s{number}", shapely.box(x, y, x + 1, y + 0.8), cloud_cover_percent=float(rng.integers(0, 100))
        )
        for number, (x, y) in enumerate(zip(rng.uniform(5, 9, 30), rng.uniform(40, 44, 30), strict=True))
    ]
    data = build_document("m", records, href)
    index = QuadkeyIndex.from_document(MosaicDocument(data))
    (tmp_path / "m.json.gz").write_bytes(data)
    opened = (
        FileBackend(str(tmp_path / "m.json.gz"))
        if backend == "file"
        else MemoryBackend(mosaic_def=MosaicJSON(**read(data)))
    )
    with opened as mosaic:
        zoom = mosaic.quadkey_zoom
        for tile in WEB_MERCATOR.tiles(5, 40, 10, 45, zooms=zoom):
            ours = [href(ref.item_key) for ref in index.scenes_in_tile(*tile)]
            assert mosaic.assets_for_tile(*tile) == ours
        for tile in WEB_MERCATOR.tiles(5, 40, 10, 45, zooms=zoom - 2):
            ours = [href(ref.item_key) for ref in index.scenes_in_tile(*tile)]
            assert sorted(mosaic.assets_for_tile(*tile)) == sorted(ours)


def test_a_global_raster_does_not_become_millions_of_tiles():
    document = read(build_document("m", [scene("world", shapely.box(-180, -90, 180, 90))], href))
    assert document["quadkey_zoom"] == 1
    assert sorted(document["tiles"]) == ["0", "1", "2", "3"]


def test_one_small_scene_among_world_wide_ones_does_not_either():
    world = [shapely.box(-180, -85, 180, 85)] * 40
    small = [shapely.box(x, 0, x + 0.01, 0.01) for x in range(60)]
    # The median would be zoom 14: 268 million cells for each of the forty. Forty times 4**8 are 2.6 million.
    assert quadkey_zoom(np.array(world + small, dtype=object)) == 8


def test_tiny_scenes_do_not_need_tiny_cells():
    assert quadkey_zoom(np.array([shapely.box(0, 0, 1e-4, 1e-4)])) == 14


def test_a_scene_beyond_the_square_of_web_mercator_is_kept_without_tiles():
    document = build_document("m", [scene("pole", shapely.box(-180, 86, 180, 90))], href)
    assert read(document)["tiles"] == {}
    assert [record.id for record in MosaicDocument(document).scenes()] == ["pole"]


def test_an_invalid_footprint_is_refused():
    bow_tie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    with pytest.raises(SceneError, match="Self-intersection"):
        build_document("m", [scene("a", bow_tie)], href)


def test_a_document_that_is_cut_off_or_damaged_is_refused_wherever():
    data = build_document("m", three_scenes(), href)
    tiles_begin = gzip.decompress(data).index(b',"tiles"')
    for length in range(0, len(data), 7):
        try:
            scenes = list(MosaicDocument(data[:length]).scenes())
        except MosaicDocumentError:
            continue
        # What is missing can only have been after the scenes.
        assert scenes == list(MosaicDocument(data).scenes())
    text = gzip.decompress(data)
    for damaged in (
        text[: tiles_begin - 3],
        text.replace(b'"start"', b'"stort"', 1),
        b"{}",
        b"",
        b"\xff" * 9,
    ):
        with pytest.raises(MosaicDocumentError):
            list(MosaicDocument(gzip.compress(damaged)).scenes())
