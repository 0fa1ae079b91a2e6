"""Fetching parts: only what lies under a box comes over the network, with the pixels of the whole."""

import json
import math
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from pydantic import SecretStr
from rasterio.enums import ColorInterp
from rasterio.shutil import copy
from rasterio.warp import transform_bounds
from shapely.geometry import mapping

from ingest.archives.archive import WholeOnlyError
from ingest.archives.credentials import bearer_tokens
from ingest.archives.fetching import DamagedFileError, Expected
from ingest.archives.fetching_parts import REQUEST_BYTES, fetch_under
from ingest.archives.http import ArchiveAnswerError, ArchiveClient, ArchiveError, ArchiveUnavailableError
from ingest.clipping import clip_file
from ingest.options import IngestOptions
from ingest.raster import DamagedRasterError, RasterRefusedError
from mosaics.bbox import Bbox
from mosaics.log import read_state
from mosaics.storage import open_storage
from tests.ingest.archives.conftest import QUICK
from tests.ingest.archives.playing import Quiet, ingest, play
from tests.ingest.archives.scenes import BANDS, sentinel_item
from tests.ingest.archives.server import Answer, file
from tests.rasters import UTM_31N, write_cog, write_geotiff

SENTINEL = "sentinel-2-l2a"
NOISE = np.random.default_rng(7)
SIDE_PX = 1500


def noise(height: int, width: int, dtype: str = "uint16") -> np.ndarray:
    """Numbers that do not compress, so that a block has as many bytes as it has pixels; 1000 and more."""
    low, high = (1, 11) if dtype == "uint8" else (1000, 9000)
    return NOISE.integers(low, high, (height, width)).astype(dtype)


def box_of(first_px: int, last_px: int) -> Bbox:
    """The box in degrees inside which pixels of 10 m lie, those of the first scene of `MOL`."""
    left, top = 655360 + first_px * 10 + 2, 5686280 - first_px * 10 - 2
    right, bottom = 655360 + last_px * 10 - 2, 5686280 - last_px * 10 + 2
    return Bbox(*transform_bounds(UTM_31N, "EPSG:4326", left, bottom, right, top))


BOX = box_of(700, 800)
"""In blocks of 256 px: on both sides of the border between the third and the fourth in each direction."""


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """The bytes of a scene's COGs, of about 6 MB each, by band."""
    folder = tmp_path_factory.mktemp("parts")
    pixels = {"red": noise(SIDE_PX, SIDE_PX), "nir": noise(SIDE_PX, SIDE_PX)}
    pixels["scl"] = noise(SIDE_PX // 2, SIDE_PX // 2, "uint8")
    sizes = {"red": 10.0, "nir": 10.0, "scl": 20.0}
    return {
        band: write_cog(folder / f"{band}.tif", values, pixel_size=sizes[band], nodata=0).read_bytes()
        for band, values in pixels.items()
    }


def scene(archive, **given):
    item = sentinel_item(archive.url, **given)
    item["geometry"] = mapping(shapely.box(*box_of(0, SIDE_PX).degrees))
    for asset in item["assets"].values():
        side = SIDE_PX // 2 if asset["href"].endswith("SCL.tif") else SIDE_PX
        asset["proj:shape"] = [side, side]
    return item


async def landed(address):
    """Item and COGs of the only scene there."""
    async with await open_storage(address) as store:
        (record,) = (await read_state(store, SENTINEL)).scenes.values()
        item = await store.get(record.item_key)
        cogs = {
            band: await store.get(record.item_key.replace("item.json", f"{band}.tif"))
            for band in json.loads(item)["assets"]
        }
        return json.loads(item), cogs


@pytest.mark.parametrize("flag", [True, False])
async def test_parts_land_as_if_the_whole_had_been_fetched(archive, client, contents, tmp_path, flag):
    item = scene(archive, boa_offset_applied=flag)
    results, watches = [], []
    for at, parts in enumerate((True, False)):
        play(archive, [item], contents)
        if not parts:
            for band, name in BANDS.items():
                plain = Answer(200, contents[band])
                archive.routes[f"/{item['id']}/{name}.tif"] = lambda _, plain=plain: plain
        watches.append(Quiet())
        address = (tmp_path / f"store-{at}").as_uri()
        async with await open_storage(address) as store:
            _, outcome = await ingest(
                archive.url,
                client,
                store,
                tmp_path / f"downloads-{at}",
                bbox=BOX,
                options=IngestOptions(clip=BOX),
                watch=watches[-1],
            )
        assert outcome.failures == {}
        assert list((tmp_path / f"downloads-{at}").iterdir()) == []
        results.append(await landed(address))
    assert results[0] == results[1]
    assert watches[1].fetched_bytes == sum(map(len, contents.values()))
    whole = 0 if flag else len(contents["red"]) + len(contents["scl"])
    # four blocks of 128 kB a band and the first 64 kB, where the flag is true; else the probe wants two files
    assert whole < watches[0].fetched_bytes < whole + 3 * 600_000 < watches[1].fetched_bytes
    cog = results[0][1]["red"]
    with rasterio.MemoryFile(cog) as memory, memory.open() as part:
        assert 100 <= part.width <= 110
        with rasterio.MemoryFile(contents["red"]) as full, full.open() as dataset:
            row, column = dataset.index(part.bounds.left + 5, part.bounds.top - 5)
            expected = dataset.read(1)[row : row + part.height, column : column + part.width]
        assert np.array_equal(part.read(1), expected)


async def test_the_estimate_is_of_the_parts(archive, client, contents, tmp_path):
    play(archive, [scene(archive, boa_offset_applied=True)], contents)
    watch = Quiet()
    async with await open_storage((tmp_path / "store").as_uri()) as store:
        survey, _ = await ingest(
            archive.url,
            client,
            store,
            tmp_path / "downloads",
            bbox=BOX,
            options=IngestOptions(clip=BOX),
            watch=watch,
        )
    # one block of 1024 of 1500 x 1500 px, three quarters of a file; the classification is smaller than one
    share = 0.75 * (1024 / SIDE_PX) ** 2
    told = math.ceil(len(contents["red"]) * share) + math.ceil(len(contents["nir"]) * share)
    assert survey.to_fetch_bytes == told + math.ceil(0.75 * len(contents["scl"]))
    assert watch.fetched_bytes < survey.to_fetch_bytes


class Fetch:
    """Fetches what of /a.tif lies under a box, and keeps account of the bytes told."""

    def __init__(self, archive, client, folder):
        self.archive, self.client, self.target = archive, client, folder / "scene" / "red.blocks.tif"
        self.told_bytes, self.signed = 0, []

    async def __call__(self, bbox=BOX, client=None, **expected):
        async def signed(refused):
            self.signed.append(refused)
            return f"{self.archive.url}/a.tif?sig={len(self.signed)}"

        given = Expected(**expected)
        await fetch_under(client or self.client, signed, given, self.target, bbox=bbox, progress=self.tell)

    def tell(self, size_bytes):
        self.told_bytes += size_bytes

    @property
    def spans(self):
        asked = (one.headers["range"].removeprefix("bytes=").split("-") for one in self.archive.of("/a.tif"))
        return [(int(first), int(last) + 1) for first, last in asked]


@pytest.fixture
def fetch(archive, client, tmp_path):
    return Fetch(archive, client, tmp_path)


MADE: dict[str, dict[str, Any]] = {
    "tiled": {"tiled": True, "blockxsize": 128, "blockysize": 256, "compress": "deflate", "predictor": 2},
    "uncompressed": {"tiled": True, "blockxsize": 256, "blockysize": 256},
    "big": {"tiled": True, "bigtiff": "yes", "compress": "lzw"},
    "motorola": {"tiled": True, "endianness": "big", "compress": "zstd"},
    "motorola-big": {"tiled": True, "endianness": "big", "bigtiff": "yes", "compress": "deflate"},
    "planes-apart": {"tiled": True, "interleave": "band", "compress": "deflate"},
    "planes-together": {"tiled": True, "interleave": "pixel", "compress": "deflate"},
    "sparse": {"tiled": True, "sparse_ok": True, "compress": "deflate"},
}


@pytest.mark.parametrize("kind", [*MADE, "masked", "cog-masked", "alpha"])
async def test_the_pixels_of_every_kind_of_tiles(archive, fetch, tmp_path, kind):
    if kind in MADE:
        values = np.stack([noise(700, 800) for _ in range(3 if "planes" in kind else 1)])
        if kind == "sparse":
            values[:, :256, :256] = 0
        path = write_geotiff(tmp_path / "whole.tif", values, nodata=0, **MADE[kind])
    else:
        mask = np.ones((700, 800), dtype=bool)
        mask[220:, :250] = False
        path = write_geotiff(tmp_path / "plain.tif", noise(700, 800), mask=mask, tiled=True)
        if kind == "alpha":
            both = np.stack([noise(700, 800, "uint8"), np.where(mask, 255, 0).astype("uint8")])
            shown = [ColorInterp.gray, ColorInterp.alpha]
            path = write_geotiff(tmp_path / "plain.tif", both, tiled=True, colorinterp=shown)
        if kind == "cog-masked":
            path = tmp_path / "whole.tif"
            copy(tmp_path / "plain.tif", path, driver="COG", blocksize=128, compress="DEFLATE")
    content = path.read_bytes()
    archive.routes["/a.tif"] = file(content)
    box = box_of(200, 300)
    await fetch(box, size_bytes=len(content))
    clip_file(fetch.target, box, tmp_path / "from-parts.tif")
    clip_file(path, box, tmp_path / "from-whole.tif")
    assert (tmp_path / "from-parts.tif").read_bytes() == (tmp_path / "from-whole.tif").read_bytes()
    with rasterio.open(path) as whole, rasterio.open(tmp_path / "from-parts.tif") as part:
        window = whole.window(*part.bounds).round()
        assert np.array_equal(part.read(), whole.read(window=window))
        assert np.array_equal(part.dataset_mask(), whole.dataset_mask(window=window))
        assert part.colorinterp == whole.colorinterp


async def test_nothing_but_the_head_and_the_blocks_is_asked(archive, fetch, contents):
    archive.routes["/a.tif"] = file(contents["red"])
    await fetch()
    assert fetch.spans[0] == (0, 65536)
    # four blocks, in two rows of two neighbours each, where GDAL says that they lie
    rows = []
    with rasterio.MemoryFile(contents["red"]) as memory, memory.open() as dataset:
        for y in (2, 3):
            offsets = [int(dataset.get_tag_item(f"BLOCK_OFFSET_{x}_{y}", "TIFF", bidx=1)) for x in (2, 3)]
            last_bytes = int(dataset.get_tag_item(f"BLOCK_SIZE_3_{y}", "TIFF", bidx=1))
            rows.append((offsets[0], offsets[1] + last_bytes))
    assert fetch.spans[1:] == rows
    assert fetch.told_bytes == sum(end - begin for begin, end in fetch.spans)
    assert fetch.target.stat().st_size == len(contents["red"])
    assert fetch.target.stat().st_blocks * 512 < fetch.told_bytes + 100_000
    archive.asked.clear()
    await fetch()
    assert archive.asked == []


async def test_what_a_run_has_left_is_gone_on_with(archive, fetch, contents, tmp_path):
    serve = file(contents["red"])
    box = box_of(10, 1490)
    for cut in (70_000, 1_000_000):
        left = [cut]

        def answer(asked, left=left):
            if left[0] <= 0:
                return Answer(503)
            given = serve(asked)
            left[0] -= len(given.content)
            drop = min(len(given.content), 20_000) if left[0] <= 0 else None
            return Answer(given.status, given.content, given.headers, dropped_after=drop)

        archive.routes["/a.tif"] = answer
        with pytest.raises(ArchiveUnavailableError):
            await fetch(box)
    assert not fetch.target.exists()
    before = fetch.told_bytes
    archive.routes["/a.tif"] = serve
    archive.asked.clear()
    await fetch(box)
    assert before > 65536
    # each byte came once, and what is asked for is never so much that a killed run would lose it all
    again = sum(end - begin for begin, end in fetch.spans)
    assert fetch.told_bytes == before + again
    assert again <= len(contents["red"]) - before
    assert max(end - begin for begin, end in fetch.spans) <= REQUEST_BYTES
    clip_file(fetch.target, box, tmp_path / "part.tif")
    (tmp_path / "whole.tif").write_bytes(contents["red"])
    clip_file(tmp_path / "whole.tif", box, tmp_path / "expected.tif")
    assert (tmp_path / "part.tif").read_bytes() == (tmp_path / "expected.tif").read_bytes()


async def test_another_version_is_begun_anew(archive, fetch, contents):
    old, new = file(contents["nir"]), file(contents["red"])
    archive.routes["/a.tif"] = lambda asked: old(asked) if len(archive.asked) < 2 else new(asked)
    await fetch()
    with rasterio.MemoryFile(contents["red"]) as memory, memory.open() as whole:
        expected = whole.read(1, window=((710, 790), (710, 790)))
    with rasterio.open(fetch.target) as part:
        assert np.array_equal(part.read(1, window=((710, 790), (710, 790))), expected)
    fetch.target.unlink()
    archive.routes["/a.tif"] = lambda asked: old(asked) if len(archive.asked) % 2 else new(asked)
    with pytest.raises(ArchiveError, match=r"changes red.blocks.tif while it is fetched"):
        await fetch()
    assert list(fetch.target.parent.iterdir()) == []


async def test_a_signature_that_has_ended_is_renewed(archive, fetch, contents):
    serve = file(contents["red"])
    refusals = [2, 4]
    archive.routes["/a.tif"] = lambda asked: Answer(403) if len(archive.asked) in refusals else serve(asked)
    await fetch(box_of(10, 800))
    assert fetch.signed.count(True) == 2
    fetch.target.unlink()
    archive.routes["/a.tif"] = lambda asked: Answer(403)
    with pytest.raises(ArchiveAnswerError, match=r"answers 403 at .*/a\.tif$"):
        await fetch()


WHOLE_ONLY = {
    "no ranges": lambda content: lambda asked: Answer(200, content),
    "no ranges, said by an error": lambda content: lambda asked: Answer(416),
    "no tag": lambda content: (
        lambda asked: Answer(206, content[:65536], {"content-range": f"bytes 0-65535/{len(content)}"})
    ),
    "html": lambda content: file(b"<html>" + bytes(100_000)),
    "cut in its head": lambda content: file(content[:200]),
    "empty": lambda content: file(b""),
}


@pytest.mark.parametrize("served", WHOLE_ONLY)
async def test_where_no_parts_can_be_had_the_whole_is_wanted(archive, fetch, contents, served):
    archive.routes["/a.tif"] = WHOLE_ONLY[served](contents["red"])
    with pytest.raises(WholeOnlyError):
        await fetch()
    assert list(fetch.target.parent.iterdir()) == []
    assert fetch.told_bytes == 0


@pytest.mark.parametrize("creation", [{}, {"tiled": False, "blockysize": 8}])
async def test_a_file_in_strips_is_wanted_whole(archive, fetch, tmp_path, creation):
    path = write_geotiff(tmp_path / "strips.tif", noise(700, 800), **creation)
    archive.routes["/a.tif"] = file(path.read_bytes())
    with pytest.raises(WholeOnlyError, match="it is in strips, not in tiles"):
        await fetch()


async def test_answers_that_are_not_what_was_asked_are_refused(archive, fetch, contents):
    content = contents["red"]
    size, tag = len(content), {"etag": '"1"'}
    for answer, words in (
        (Answer(206, content[5:99], {"content-range": f"bytes 5-98/{size}", **tag}), "another part of"),
        (Answer(206, content, {"content-range": f"bytes 0-{size - 1}/{size}", **tag}), "another part of"),
        (Answer(206, b"", {"content-range": f"bytes 0-65535/{size}", **tag}, -1), "nothing of"),
        (Answer(206, b"x", {"content-range": "bytes */*", **tag}), "another part of"),
        (Answer(206, content, {"content-range": f"bytes 0-65535/{size}", **tag}), "more of"),
    ):
        archive.routes["/a.tif"] = lambda asked, answer=answer: answer
        with pytest.raises(ArchiveError, match=words):
            await fetch()
    archive.routes["/a.tif"] = file(content)
    with pytest.raises(DamagedFileError, match=f"has {size} bytes; 1000 were expected"):
        await fetch(size_bytes=1000)


async def test_redirects_lead_only_where_they_may_and_without_credentials(
    archive, other_archive, fetch, contents
):
    secret = bearer_tokens({archive.url: SecretStr("secret")})
    async with ArchiveClient(patience=QUICK, local_http=True, credentials=secret) as client:
        archive.routes["/a.tif"] = lambda asked: Answer(302, b"", {"location": f"{other_archive.url}/b.tif"})
        other_archive.routes["/b.tif"] = file(contents["red"])
        await fetch(client=client)
        assert all("authorization" in asked.headers for asked in archive.asked)
        assert not any("authorization" in asked.headers for asked in other_archive.asked)
        assert all("range" in asked.headers for asked in other_archive.asked)
        fetch.target.unlink()
        for address in ("https://169.254.169.254/a.tif", "https://localhost/a.tif", "http://10.0.0.1/a.tif"):
            archive.routes["/a.tif"] = lambda asked, address=address: Answer(302, b"", {"location": address})
            with pytest.raises(ArchiveError, match=r"not a public address|not an https address"):
                await fetch(client=client)


@pytest.mark.parametrize("times", [1, 2])
async def test_a_damaged_part_is_asked_for_once_more(archive, fetch, contents, times):
    """The second half of the file is zeros at first, under the tag that the whole one has, too."""
    content, tag = contents["red"], {"etag": '"1"'}
    good = file(content, headers=tag)
    bad = file(content[: len(content) // 8] + bytes(len(content) - len(content) // 8), headers=tag)
    archive.routes["/a.tif"] = good
    await fetch()
    asked = len(archive.asked)
    fetch.target.unlink()
    archive.asked.clear()

    def at_last(each):
        served = bad if len(archive.asked) <= times * asked else good
        return served(each)

    archive.routes["/a.tif"] = at_last
    if times == 2:
        with pytest.raises(DamagedRasterError, match="is damaged: the block at byte"):
            await fetch()
        assert list(fetch.target.parent.iterdir()) == []
    await fetch()
    assert fetch.target.stat().st_size == len(content)
    assert len(archive.asked) == (times + 1) * asked


async def test_a_box_beside_the_file_is_refused(archive, fetch, contents):
    archive.routes["/a.tif"] = file(contents["red"])
    with pytest.raises(RasterRefusedError, match="no pixels under the box"):
        await fetch(Bbox(20.0, 40.0, 21.0, 41.0))
