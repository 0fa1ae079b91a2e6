"""Files of indexes: a mapped one answers as shapely does, and a damaged one does not answer."""

import random
import struct
from datetime import timedelta

import google_crc32c
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaics.cells import tile_bounds
from mosaics.document import MosaicDocument
from mosaics.flat_file import FlatFileError
from mosaics.index import QuadkeyIndex, TooManyScenesError
from mosaics.index_files import INDEXED_FROM, build_mosaic, index_key, map_index, pack_index, read_index
from mosaics.overview import Overview
from mosaics.period import Interval
from tests.mosaics.records import JUNE, scene

KEY = "collections/harvest/mosaics/2024-06/1-0123456789ab.json.gz"


def mapped(index, folder):
    """The same index once more, from a file."""
    path = folder / "some.index"
    path.unlink(missing_ok=True)
    path.write_bytes(pack_index(index, "0123456789ab"))
    return map_index(path, KEY)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("indexes")


# Coordinates are quarters of a degree, so that footprints often meet in borders and corners.
quarters = st.integers(-8, 8).map(lambda number: number / 4)


@st.composite
def footprints(draw):
    """A triangle, a convex outline or a box, or one of these with a hole or in two parts."""
    corners = draw(st.lists(st.tuples(quarters, quarters), min_size=3, max_size=7, unique=True))
    shape = shapely.convex_hull(shapely.MultiPoint(corners))
    if shape.geom_type != "Polygon":
        shape = shapely.box(corners[0][0], corners[0][1], corners[0][0] + 0.5, corners[0][1] + 0.25)
    if draw(st.booleans()):
        west, south = draw(quarters), draw(quarters)
        shape = shapely.difference(shape, shapely.box(west, south, west + 0.25, south + 0.25))
    if draw(st.booleans()):
        shape = shapely.box(*shape.bounds)
    return shape if shape.geom_type in {"Polygon", "MultiPolygon"} and not shape.is_empty else None


def shares_area(footprint, area):
    """Whether two areas share more than a border, by the matrix of DE-9IM."""
    return footprint.relate_pattern(area, "T********")


@settings(max_examples=40, deadline=None)
@given(st.lists(footprints(), min_size=1, max_size=12), st.data())
def test_a_mapped_file_answers_as_shapely_does(folder, shapes, data):
    records = [
        scene(
            f"s{n}", shape, cloud_cover_percent=float(n * 7 % 5), start=(at := JUNE.start + n * DAY), end=at
        )
        for n, shape in enumerate(shapes)
        if shape is not None
    ]
    best = sorted(records, key=lambda record: record.best_first)
    known = [(record, record.polygons()) for record in best]
    index = mapped(QuadkeyIndex.of(best, data.draw(st.integers(5, 9))), folder)
    assert index.is_mapped
    for _ in range(8):
        zoom = data.draw(st.integers(0, 16))
        middle, half = 2**zoom / 2, max(1, int(2**zoom / 360 * 2.5))
        x, y = (int(middle + data.draw(st.integers(-half, half - 1))) for _ in "xy")
        box = shapely.box(*tile_bounds(x, y, zoom)) if 0 <= x < 2**zoom and 0 <= y < 2**zoom else None
        expected = [record.id for record, shape in known if box is not None and shares_area(shape, box)]
        found = index.scenes_in_tile(x, y, zoom)
        assert [one.id for one in found] == expected
        if expected:
            with pytest.raises(TooManyScenesError) as caught:
                index.scenes_in_tile(x, y, zoom, limit=len(expected) - 1)
            assert caught.value.count == len(expected)
    area = data.draw(footprints()) or shapely.box(-1, -1, 1, 1)
    expected = [record.id for record, shape in known if shares_area(shape, area)]
    assert [one.id for one in index.scenes_in(area)] == expected
    point = shapely.Point(data.draw(quarters), data.draw(quarters))
    expected = [record.id for record, shape in known if shape.intersects(point)]
    assert [one.id for one in index.scenes_in(point)] == expected
    together = shapely.union_all([shape for _, shape in known])
    assert index.bounds == pytest.approx(together.bounds, abs=0)
    # Near the equator a square degree has the same area anywhere, to half a percent.
    left = shapely.difference(area, together).area / area.area
    assert index.covered_fraction(area) == pytest.approx(1 - left, abs=0.01)
    first, days = data.draw(st.integers(0, 12)), data.draw(st.integers(1, 12))
    begin, end = JUNE.start + first * DAY, JUNE.start + (first + days) * DAY
    there = [shape for record, shape in known if begin <= record.start < end]
    part = shapely.intersection(area, shapely.union_all(there))
    assert (
        shapely.area(shapely.symmetric_difference(index.covered_part(area, Interval(begin, end)), part))
        < 1e-12
    )


DAY = timedelta(days=1)


def grid_of(count, **fields):
    """Slanted scenes of a degree, side by side from the equator northwards."""
    corners = np.array([(0, 0), (1, 0), (0.9, 1), (-0.1, 1)])
    return [
        scene(
            f"s{n:04}",
            shapely.Polygon(corners + np.array([n % 40, n // 40])),
            cloud_cover_percent=n % 100,
            **fields,
        )
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def built():
    return build_mosaic("m", grid_of(INDEXED_FROM), lambda key: f"/{key}")


def key_of(digest):
    return f"collections/harvest/mosaics/2024-06/1-{digest}.json.gz"


def test_the_file_that_a_commit_writes_is_that_of_its_document(built):
    assert build_mosaic("m", grid_of(INDEXED_FROM - 1), lambda key: f"/{key}").index is None
    digest = read_digest(built)
    from_document = QuadkeyIndex.from_document(MosaicDocument(built.document))
    assert built.index == pack_index(from_document, digest)
    index = read_index(built.index, key_of(digest))
    assert (index.size, index.quadkey_zoom) == (INDEXED_FROM, from_document.quadkey_zoom)
    assert [one.id for one in index.scenes_in(shapely.Point(3.5, 2.5))] == ["s0083"]
    assert index_key(key_of(digest)) == key_of(digest).replace(".json.gz", ".index1")
    assert index_key("collections/harvest/mosaics/2024-06/1.json.gz") is None


def read_digest(built):
    import hashlib

    return hashlib.sha256(built.document).hexdigest()[:12]


def test_overviews_that_hold_stand_in_the_file_and_others_do_not(folder):
    records = grid_of(8)
    plain = QuadkeyIndex.of(sorted(records, key=lambda record: record.best_first), 6)

    def overview(column, made_of):
        start, end = JUNE.start, JUNE.start + DAY
        return Overview(7, column, 7, f"o{column}", made_of, "", start, end, synthetic=True)

    index = mapped(plain.with_overviews([overview(8, plain.made_of(8, 7, 4)), overview(7, "0" * 32)]), folder)
    (found,) = index.scenes_in_tile(64, 63, 7, overviews=True)
    assert (found.id, found.item_key, found.synthetic) == ("overview 7/8/7", "o8", True)
    assert (found.end - found.start, found.cloud_cover_percent, found.period) == (DAY, None, JUNE)
    assert [one.id for one in index.scenes_in_tile(63, 63, 7, overviews=True)] == ["s0000"]
    assert [one.id for one in index.scenes_in_tile(64, 63, 7)] == ["s0000", "s0001", "s0002"]


def test_a_damaged_file_is_refused(built):
    data, key = built.index, key_of(read_digest(built))
    order = random.Random(16)
    for _ in range(300):
        at, bit = order.randrange(len(data)), order.randrange(8)
        flipped = bytearray(data)
        flipped[at] ^= 1 << bit
        if 28 <= at < 32:  # reserved
            continue
        with pytest.raises(FlatFileError):
            read_index(bytes(flipped), key)
    for damaged in (b"", data[:20], data[:-1], data + b"\0", data[: len(data) // 2]):
        with pytest.raises(FlatFileError):
            read_index(damaged, key)
    with pytest.raises(FlatFileError, match="of another mosaic"):
        read_index(data, key_of("0123456789ab"))
    with pytest.raises(FlatFileError, match="version 2, not 1"):
        read_index(data[:8] + struct.pack("<I", 2) + data[12:], key)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of GEOS, for odd coordinates
def test_a_forged_file_is_refused_or_answers_without_harm(built):
    # With the checksum made right again: what is left are the bounds of arrays, and GEOS's of a footprint.
    data, key = built.index, key_of(read_digest(built))
    order, answered = random.Random(61), 0
    for _ in range(150):
        forged = bytearray(data)
        at = order.choice([order.randrange(32, len(data)), order.randrange(32, 3000)])
        forged[at : at + 4] = order.choice([b"\xff\xff\xff\x7f", b"\xff" * 4, b"\0" * 4, order.randbytes(4)])
        forged = forged[: len(data)]
        forged[24:28] = struct.pack("<I", google_crc32c.value(bytes(forged[32:])))
        try:
            index = read_index(bytes(forged), key)
            for area in (shapely.box(-5, -5, 50, 10), shapely.Point(3.5, 2.5)):
                index.scenes_in(area, limit=1000)
            for tile in ((64, 63, 7), (1030, 1015, 11), (0, 0, 0)):
                index.scenes_in_tile(*tile)
                index.made_of(*tile)
            index.minzoom(3)
            answered += 1
        except (
            ValueError,
            OverflowError,
            IndexError,
            struct.error,
            shapely.errors.GEOSException,
            TooManyScenesError,
        ):
            pass
    assert 0 < answered < 150
