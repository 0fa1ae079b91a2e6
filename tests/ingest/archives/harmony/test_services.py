"""Harmony's services: which one makes a part, by what each can do."""

import json

import pytest

from ingest.archives.harmony.services import Service, choose_media_type
from ingest.archives.http import ArchiveError
from tests.ingest.archives.harmony.playing import HOSS


class TestServices:
    """Chosen one by one: the answer's own summary promises what no single service does."""

    def test_the_first_that_does_it_all(self):
        services = [Service.read(each) for each in (_able("a", "image/tiff", bbox=True), HOSS)]
        assert choose_media_type(services, "netcdf", box=True, variables=True) == "application/netcdf"

    @pytest.mark.parametrize("alias", ["application/netcdf", "application/x-netcdf4"])
    def test_netcdf_has_two_names(self, alias):
        able = Service.read(_able("a", alias, bbox=True, variable=True))
        assert choose_media_type([able], "netcdf", box=True, variables=True) == alias

    async def test_what_no_single_one_does_is_refused_before_anything_is_ordered(self, harmony, order):
        harmony.services = [
            _able("cutter", "image/tiff", bbox=True, variable=True),
            _able("picker", "application/netcdf", variable=True),
            {"name": "broken", "capabilities": None},
        ]
        with pytest.raises(ArchiveError) as refused:
            await order()
        assert str(refused.value) == (
            "not one of Harmony's services cuts out a box and variables as application/netcdf: "
            "cutter cuts boxes and variables, as image/tiff; picker cuts variables, as application/netcdf; "
            "broken cuts nothing, as nothing"
        )
        assert harmony.orders() == []

    @pytest.mark.real_data
    @pytest.mark.parametrize(
        ("recorded", "wanted", "chosen"),
        [
            ("tempo_no2_l2", "netcdf", "application/netcdf"),
            ("swot_ssh_multi_service", "netcdf", "application/netcdf"),
            ("swot_ssh_multi_service", "geotiff", None),  # its summary says variables and image/tiff
            ("mcd19a2_lpcloud", "netcdf", None),
        ],
    )
    def test_recorded_capabilities(self, shared_data, recorded, wanted, chosen):
        path = shared_data / f"nasa/harmony_recorded/{recorded}_capabilities.json"
        services = [Service.read(each) for each in json.loads(path.read_text())["services"]]
        if chosen is None:
            with pytest.raises(ArchiveError, match="not one of Harmony's services"):
                choose_media_type(services, wanted, box=True, variables=True)
        else:
            assert choose_media_type(services, wanted, box=True, variables=True) == chosen


def _able(name, media_type, **cuts):
    return {"name": name, "capabilities": {"subsetting": cuts, "output_formats": [media_type]}}
