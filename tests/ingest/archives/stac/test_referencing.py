"""Files left where they lie: what a server opens for them, signed by GDAL where the archive wants that."""

import time
from urllib.parse import quote

import pytest
import rasterio

from mosaics.raster.gdal import GDAL_OPTIONS
from mosaics.scene import SceneError, read_item
from mosaics.storage import open_storage
from tests.ingest.archives.server import Answer, document, file
from tests.rasters import ramp, write_cog

BLOB = "https://landsateuwest.blob.core.windows.net/landsat-c2/a/LC09_SR_B4.TIF"


@pytest.fixture
async def path_of(tmp_path):
    """What GDAL opens for an asset."""
    async with await open_storage(tmp_path.as_uri()) as storage:

        def read(href, **asset):
            band = {"data_type": "uint16"}
            document = {
                "id": "a",
                "collection": "landsat-c2-l2",
                "properties": {"datetime": "2024-06-15T10:50:29Z"},
                "assets": {"red": {"href": href, "bands": [band], **asset}},
            }
            key = "collections/landsat-c2-l2/scenes/a/1/item.json"
            return read_item(document, key, storage).assets["red"].path

        yield read


def test_a_file_of_the_planetary_computer_is_opened_signed(path_of):
    assert path_of(BLOB, **{"tilewatch:signing": "planetary-computer"}) == (
        "/vsicurl?pc_url_signing=yes&pc_collection=landsateuwest/landsat-c2&url="
        "https%3A%2F%2Flandsateuwest.blob.core.windows.net%2Flandsat-c2%2Fa%2FLC09_SR_B4.TIF"
    )
    assert path_of(BLOB) == f"/vsicurl/{BLOB}"


@pytest.mark.parametrize(
    "href",
    ["https://example.com/a/b.tif", "https://x.blob.core.windows.net.example.com/a/b.tif"],
)
def test_files_elsewhere_are_not_signed_for(path_of, href):
    assert path_of(href, **{"tilewatch:signing": "planetary-computer"}) == f"/vsicurl/{href}"


@pytest.mark.parametrize("href", [f"{BLOB}?pc_url_signing=yes", "http://example.com/a.tif", "/vsicurl/x.tif"])
def test_an_item_cannot_name_options_or_other_addresses(path_of, href):
    with pytest.raises(SceneError):
        path_of(href, **{"tilewatch:signing": "planetary-computer"})


def test_gdal_signs_and_renews_before_a_token_ends(archive, tmp_path):
    content = write_cog(tmp_path / "a.tif", ramp(600, 500), nodata=0).read_bytes()
    life_s = [30]

    def token(_):
        expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + life_s[0]))
        return document({"msft:expiry": expiry, "token": f"sig={len(archive.of('/token/acct/data'))}"})

    serve = file(content)
    archive.routes["/token/acct/data"] = token
    archive.routes["/data/a.TIF"] = lambda asked: serve(asked) if "sig=" in asked.query else Answer(403)
    path = "/vsicurl?pc_url_signing=yes&pc_collection=acct/data&url=" + quote(
        f"{archive.url}/data/a.TIF", safe=""
    )
    with (
        rasterio.Env(**GDAL_OPTIONS, VSICURL_PC_SAS_TOKEN_URL=f"{archive.url}/token/"),
        rasterio.open(path) as dataset,
    ):
        assert dataset.read(1)[599, 499] == ramp(600, 500)[599, 499]
    asked = archive.of("/data/a.TIF")
    tokens = len(archive.of("/token/acct/data"))
    # a token that ends within the minute is not used twice
    assert tokens == len(asked) >= 2
    assert [one.query for one in asked] == [f"sig={at + 1}" for at in range(tokens)]
