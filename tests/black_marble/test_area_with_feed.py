"""The earlier system's use: an area is registered, and its months of night lights appear by themselves.

The archive is played, and its tiles are SYNTHETIC; all else is real: server, leader, queue, landing, series.
"""

import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.main import create_app
from mosaics.descriptions.sources import SHIPPED
from tests.app.areas.conftest import LOCAL, feature, square_at
from tests.app.conftest import eventually, serving, settings
from tests.ingest.archives.cmr.playing import TOKEN, Laads
from tests.ingest.synthetic_tiles import RADIANCE, usual_layers, write_tile

__all__ = ["settings"]

SOURCE = "black-marble-monthly-noaa20"
JULY = "VJ146A3.A2026182.h21v07.002.2026252010203.h5"
AUGUST = "VJ146A3.A2026213.h21v07.002.2026283010203.h5"
JULY_AGAIN = "VJ146A3.A2026182.h21v07.002.2026284010203.h5"
COMMAND_LINE = (sys.executable, "-m", "tests.app.jobs.command_line")


def tile(folder: Path, name: str, radiance: float) -> Path:
    """A tile of one radiance, in nW cm-2 sr-1."""
    layers = usual_layers()
    layers[RADIANCE][:] = radiance
    return write_tile(folder, name, layers)


async def test_months_appear_by_themselves_and_are_replaced_when_they_are_produced_again(
    archives, settings, database_url, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    server, store = archives
    laads = Laads(server, store, SOURCE)
    laads.publish(JULY, tile(tmp_path, JULY, 2.5))
    sources = tmp_path / "sources"
    sources.mkdir()
    shipped = (SHIPPED / f"{SOURCE}.toml").read_text()
    (sources / f"{SOURCE}.toml").write_text(f'api = "{laads.server.url}/search"\n{shipped}')
    monkeypatch.setenv("TILEWATCH_ARCHIVE_TOKENS", f"{laads.server.url}={TOKEN}")
    given = {"database_url": database_url, "sources": sources, "downloads": tmp_path / "downloads"}
    chosen = settings.model_copy(update=given | {"jobs_every_s": 1.0, "verify_mb_per_s": 0.0})
    async with serving(chosen, create_app(chosen, program=COMMAND_LINE)) as client:
        client.base_url = httpx.URL(LOCAL)
        asked = feature(square_at(31.0, 15.0), products=["nightlights-noaa20"], feed={"from": "2026-07"})
        area = (await client.post("/areas", json=asked)).json()["id"]
        (feed,) = (await client.get("/feeds", params={"area": area})).json()["feeds"]

        async def means() -> dict[str, float]:
            address = f"/areas/{area}/timeseries?start=2026-07&end=2026-08"
            answer = await client.get(address)
            if answer.status_code != 200:  # nothing has landed yet
                return {}
            entries: list[dict[str, Any]] = answer.json()["series"]
            return {e["period"]: round(e["mean"], 6) for e in entries if e["kept"] and e["status"] == "ok"}

        async def shows(expected: dict[str, float]) -> None:
            async def are_there() -> bool:
                return await means() == expected

            await eventually(are_there, within_s=120)

        await shows({"2026-07": 2.5})
        laads.publish(AUGUST, tile(tmp_path, AUGUST, 7.5))
        laads.publish(JULY_AGAIN, tile(tmp_path, JULY_AGAIN, 10.0))
        assert (await client.post(f"/feeds/{feed['id']}/poll")).status_code == 202
        await shows({"2026-07": 10.0, "2026-08": 7.5})

        # A request's own thresholds and parameters are computed, for what is kept.
        asked = (await client.get(f"/areas/{area}/timeseries?start=2026-07&lit_above=5,8")).json()["series"]
        assert [[round(lit["share"], 6) for lit in entry["lit"]] for entry in asked] == [[1, 1], [1, 0]]
        assert not any(entry["kept"] for entry in asked)
        address = f"/areas/{area}/timeseries?observations_min=6&start=2026-08"
        (unseen,) = (await client.get(address)).json()["series"]  # each cell was seen five times
        assert (unseen["mean"], unseen["parameters"]) == (None, {"observations_min": 6})

        async def is_recorded() -> bool:
            done = (await client.get(f"/feeds/{feed['id']}")).json()
            is_newest = done["newest"]["acquired"] == "2026-08-01T00:00:00Z"
            return is_newest and [poll["landed"] for poll in done["polls"]] == [2, 1]

        await eventually(is_recorded, within_s=120)
        assert len(laads.downloads()) == 3
