"""A picture reads a bounded number of pixels of files."""

from app.settings import Settings
from tests.app.conftest import serving
from tests.app.landed import lonlat


async def test_a_picture_of_more_pixels_than_may_be_read_is_refused_with_the_number(
    settings: Settings, two_months: str
) -> None:
    (west, north), (east, south) = lonlat(20, 100), lonlat(120, 200)
    box = f"/products/ndvi/bbox/{west},{south},{east},{north}"
    few = settings.model_copy(update={"storage": two_months, "picture_pixels": 20_000})
    async with serving(few) as client:
        refused = await client.get(f"{box}/64x64.png?datetime=2024-06")
        tile = await client.get("/tiles/ndvi/14/8430/5463.png?datetime=2024-06")
    enough = settings.model_copy(update={"storage": two_months})
    async with serving(enough) as client:
        given = await client.get(f"{box}/64x64.png?datetime=2024-06")
    assert (refused.status_code, tile.status_code, given.status_code) == (400, 200, 200)
    assert "more than 20,000 pixels" in refused.json()["detail"]
    assert "smaller box" in refused.json()["detail"]
