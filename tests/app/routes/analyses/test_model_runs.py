"""POST /analyze/scene with a model: a job whose classes are a layer of the same server."""

from pathlib import Path

import httpx

from app.jobs.commands import steps_of
from app.jobs.request import understand
from app.settings import Settings
from mosaics.descriptions.folders import Descriptions
from tests.app.areas.conftest import LOCAL
from tests.app.conftest import eventually, serving
from tests.app.landed import land_two_months, lonlat
from tests.app.models.networks import write_model

MOL = [5.2, 51.2, 5.3, 51.35]


def test_the_words_of_the_command():
    document = {"aoi": MOL, "toi": "2024-06", "model": "dark", "probability": True}
    (step,) = steps_of(understand("model", document), Descriptions.read())
    assert step.words == (
        *("models", "run", "--json", "--bbox=5.2,51.2,5.3,51.35", "--datetime=2024-06"),
        *("--probability", "--", "dark"),
    )
    assert not step.wants_database


async def test_a_model_is_run_by_a_job_and_what_it_finds_is_a_layer(
    local_settings: Settings, tmp_path: Path
) -> None:
    address, folder = (tmp_path / "store").as_uri(), tmp_path / "models"
    folder.mkdir()
    write_model(folder, "dark")
    await land_two_months(address, tmp_path)
    chosen = {"storage": address, "models": folder, "jobs": True, "jobs_every_s": 3600}
    async with serving(local_settings.model_copy(update=chosen)) as client:
        client.base_url = httpx.URL(LOCAL)
        for body, status, says in (
            ({"model": "light"}, 404, "no model 'light'; there are: dark"),
            ({"model": "dark", "low": 0}, 422, "model stands in place of low"),
            ({"model": "dark", "toi": "2024-05/2024-06"}, 400, "one period at a time; toi has 2"),
            ({"model": "dark", "toi": "1999-01"}, 404, "2024-05 to 2024-06"),
            ({"product": "ndvi", "low": 0, "probability": True}, 422, "probability belongs to a model"),
        ):
            refused = await client.post("/analyze/scene", json={"aoi": MOL, **body})
            assert (refused.status_code, says in refused.text) == (status, True), refused.text
        started = await client.post("/analyze/scene", json={"aoi": MOL, "model": "dark"})
        assert started.status_code == 202, started.text

        async def is_done() -> bool:
            job = (await client.get(started.headers["Location"])).json()
            assert not job["error"], job
            return bool(job["status"] == "done")

        await eventually(is_done, within_s=120)
        job = (await client.get(started.headers["Location"])).json()
        told = job["result"]["steps"]["models"]
        assert told["pixels"] == {"dark": 128 * 160, "bright": 128 * 160}
        assert [scene["collection"] for scene in job["result"]["scenes"]] == ["model-dark"]
        assert [layer["product"] for layer in job["result"]["layers"]] == ["model-dark"]
        lon, lat = lonlat(200.5, 100.5)

        async def is_shown() -> bool:
            answer = await client.get(f"/products/model-dark/point/{lon},{lat}?datetime=2024-06")
            return answer.status_code == 200 and answer.json()["class"] == "bright"

        await eventually(is_shown)
