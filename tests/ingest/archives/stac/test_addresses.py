"""Addresses of an item's files: absolute, relative to the item, or refused in a sentence."""

import pytest

from ingest.archives.archive import GranuleRefusedError
from ingest.archives.stac.addresses import as_written, in_archive

SELF = "https://archive.example/items/a/item.json"
ITEM = {"links": [{"rel": "root", "href": "/"}, {"rel": "self", "href": SELF}]}


@pytest.mark.parametrize(
    ("href", "address"),
    [
        ("https://other.example/B04.tif?sig=1", "https://other.example/B04.tif?sig=1"),
        ("s3://bucket/B04.tif", "s3://bucket/B04.tif"),
        # RFC 3986, section 5.4
        ("./B04.tif", "https://archive.example/items/a/B04.tif"),
        ("B04.tif", "https://archive.example/items/a/B04.tif"),
        ("../B04.tif", "https://archive.example/items/B04.tif"),
        ("/B04.tif", "https://archive.example/B04.tif"),
        ("//other.example/B04.tif", "https://other.example/B04.tif"),
    ],
)
def test_what_can_be_asked_for(href, address):
    assert in_archive(ITEM)(href) == address


ODD = [
    *("gs://bucket/B04.tif", "file:///etc/passwd", "data:image/tiff;base64,SUkqAA==", "C:\\B04.tif"),
    *("ftp://host/B04.tif", "/vsis3/bucket/B04.tif", "https:///B04.tif", "https://[::1/B04.tif"),
    *("", " ", "\n", " https://other.example/B04.tif", "https://other.example/B 04.tif", "https://a/\0"),
    *(None, 3, 1.5, True, ["https://a/B04.tif"], {"href": "https://a/B04.tif"}, "https://a/" + "x" * 9000),
]


@pytest.mark.parametrize("href", ODD)
def test_what_cannot_be_asked_for_is_refused(href):
    with pytest.raises(GranuleRefusedError, match="address"):
        in_archive(ITEM)(href)


@pytest.mark.parametrize(
    "links",
    [None, [], [{"rel": "self"}], [{"rel": "self", "href": 3}], [{"rel": "self", "href": "item.json"}]],
)
def test_a_relative_address_needs_an_item_that_links_itself(links):
    address = in_archive({"links": links})
    assert address("https://a/B04.tif") == "https://a/B04.tif"
    with pytest.raises(GranuleRefusedError, match="a relative address, and the item does not link itself"):
        address("B04.tif")


@pytest.mark.parametrize("links", ["self", 3, ["self"], {"rel": "self"}, [None]])
def test_links_that_are_not_objects_are_refused(links):
    with pytest.raises(GranuleRefusedError, match="its links are not a list of objects"):
        in_archive({"links": links})


def test_a_file_on_this_machine_is_taken_as_it_is_written():
    assert as_written("folder/B 04.tif") == "folder/B 04.tif"
    for href in (None, 3, " "):
        with pytest.raises(GranuleRefusedError):
            as_written(href)
