"""With no file descriptors left every route answers whole or 503, and nothing is taken for damaged."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from shapely.geometry import box, mapping

from app.settings import Settings
from mosaics.raster.damage import DAMAGE
from mosaics.storage.descriptors import NoDescriptorsError, are_few, comes_of_none_left
from tests.app.conftest import serving
from tests.app.landed import lonlat

LEFT = (0, 1, 2, 3, 5, 8, 12)


@contextmanager
def descriptors(left: int) -> Iterator[None]:
    """Leave this process some descriptors, and give back the others at the end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    held = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + left, hard))
        with suppress(OSError):
            while True:
                held.append(Path("/dev/null").open("rb"))  # noqa: SIM115 - closed below
        for _ in range(left):
            held.pop().close()
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for each in held:
            each.close()


def asked() -> list[tuple[str, str, str | None]]:
    """Requests that open files, of all kinds."""
    lon, lat = lonlat(64, 128)
    west, south, east, north = lon - 0.002, lat - 0.002, lon + 0.002, lat + 0.002
    area = json.dumps(
        {"type": "Feature", "properties": {}, "geometry": mapping(box(west, south, east, north))}
    )
    return [
        *[
            ("GET", f"/tiles/ndvi/14/8430/5463.{form}?datetime=2024-06", None)
            for form in ("png", "npy", "tif")
        ],
        ("GET", "/tiles/true-color/14/8430/5463.webp?datetime=2024-05", None),
        ("GET", f"/products/ndvi/point/{lon},{lat}?datetime=2024-05", None),
        ("GET", f"/products/ndvi/bbox/{west},{south},{east},{north}/64x64.npy?datetime=2024-05", None),
        ("POST", "/products/ndvi/feature/64x64.png?datetime=2024-05", area),
        ("POST", "/products/ndvi/statistics?datetime=2024-05/2024-06", area),
        *[("GET", path, None) for path in ("/products/ndvi/legend.png", "/", "/docs", "/collections")],
        *[("GET", path, None) for path in ("/products/ndvi", "/healthz", "/metrics")],
    ]


@pytest.mark.parametrize("left", LEFT)
async def test_what_cannot_open_files_is_refused_for_a_moment_and_never_wrong(
    settings: Settings, two_months: str, left: int
) -> None:
    here = settings.model_copy(update={"storage": two_months, "cache_bytes": 0})

    async def answers(client: httpx.AsyncClient) -> list[httpx.Response]:
        headers = {"content-type": "application/json"}
        return [
            await client.request(method, path, content=body, headers=headers)
            for method, path, body in asked()
        ]

    async with serving(here) as client:
        right = await answers(client)
    async with serving(here) as client:  # with no file open yet
        with descriptors(left):
            found = await answers(client)
        after = await answers(client)
    assert {answer.status_code for answer in (*right, *after)} == {200}
    for answer, good in zip(found, right, strict=True):
        if answer.status_code == 200:
            assert "x-tilewatch-skipped" not in answer.headers, answer.url
            if "/metrics" not in str(answer.url):
                assert answer.content == good.content, answer.url
        else:
            assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (503, True), answer.text
    assert [a.content for a in after[:8]] == [a.content for a in right[:8]]
    assert not [path for path in DAMAGE.known() if path.startswith(two_months.removeprefix("file://"))]
    if left == 0:
        assert {answer.status_code for answer in found[:8]} == {503}


def test_an_error_that_came_of_none_left_is_known_by_what_it_came_from() -> None:
    with descriptors(0):
        assert are_few()
        with pytest.raises(OSError, match="Too many") as caught:
            Path("/dev/null").read_bytes()
    error = ValueError("no template")
    error.__cause__ = caught.value
    assert comes_of_none_left(error)
    assert not comes_of_none_left(FileNotFoundError(2, "no such file"))
    assert not are_few()
    assert str(NoDescriptorsError()) == "no file descriptors are left"
