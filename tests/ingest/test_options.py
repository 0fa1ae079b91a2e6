"""How scenes are landed: what stands for all that determines it, and under which id."""

import pytest

from ingest.archives.stac.items import read_granule
from ingest.encoding import PerBand
from ingest.options import IngestOptions, Mode
from mosaics.bbox import Bbox
from mosaics.descriptions.sources import StacSource, load_sources
from tests.ingest.archives.scenes import sentinel_item

ROOT = "https://archive.example"
BOX = Bbox(5.0, 51.1, 5.3, 51.3)
BANDS = ("red", "nir", "scl")


def read(item, source_id="earth-search-sentinel-2-l2a", bands=BANDS):
    source = load_sources()[source_id]
    assert isinstance(source, StacSource)
    return read_granule(item, source, bands)


def granule(bands=BANDS, **properties):
    checked = {"file:size": 1000, "file:checksum": "1220" + "0" * 64}
    item = sentinel_item(ROOT, facts=lambda band: checked if band == "red" else {}, **properties)
    return read(item, bands=bands)


@pytest.mark.parametrize(
    ("options", "digest", "scene_id"),
    [
        (IngestOptions(), "51c243c95ff92237f1ef", "S2A"),
        (IngestOptions(clip=BOX), "d4fb59e7747c29e73c47", "S2A-796d83cc"),
        (IngestOptions(Mode.REFERENCE), "173384f196168e1825c3", "S2A"),
        (
            IngestOptions(scales=PerBand(0.5), offsets=PerBand(None, {"red": -0.1})),
            "f8ffb9839490ea30ffcd",
            "S2A",
        ),
    ],
    ids=["copied", "clipped", "referenced", "with numbers given"],
)
def test_what_an_earlier_version_has_landed_is_recognised(options, digest, scene_id):
    """The digests are those of version 0.1.0 before archives had kinds: another means another landing."""
    found = granule(**{"s2:generation_time": "2024-06-15T14:00:00Z"})
    assert options.digest(found, "sentinel-2-l2a") == digest
    assert options.scene_id("S2A") == scene_id


def test_a_landsat_scene_of_an_earlier_version_is_recognised():
    item = sentinel_item(ROOT, "LC09_L2SP_198024_20240615_02_T1")
    item["properties"] = {
        "datetime": "2024-06-15T10:36:41.123456Z",
        "platform": "landsat-9",
        "eo:cloud_cover": 12.5,
        "landsat:wrs_path": "198",
        "landsat:wrs_row": "024",
        "landsat:product_generated": "2024-06-16T01:02:03Z",
    }
    item["assets"] = {"red": {"href": "s3://usgs-landsat/a/B4.TIF", "storage:region": "us-west-2"}}
    found = read(item, "earth-search-landsat-c2-l2", ("red",))
    assert IngestOptions().digest(found, "landsat-c2-l2") == "6cd3d065dfb3fff8ccd4"


def test_bands_times_and_files_determine_what_is_landed():
    options, known = IngestOptions(), granule()
    others = [
        granule(("red",)),
        granule(cloud_cover=5.0),
        granule(datetime="2024-06-15T10:50:30Z"),
        granule(sequence="1"),
    ]
    digests = {options.digest(found, "sentinel-2-l2a") for found in (known, *others)}
    assert len(digests) == 1 + len(others)
    assert options.digest(known, "another") not in digests
