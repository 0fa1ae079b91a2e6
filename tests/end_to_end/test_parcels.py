"""Parcels and zones on the page: colours, charts, verdicts, judging zones, and all of that in French."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from app.keys import Scope, new_key
from tests.end_to_end.reader import Reader, Server
from tests.services.postgres import PostgresServer

KEY, ENTRY = new_key("farm", Scope.WRITE)
WEST, SOUTH, SIDE = -99.07, 40.49, 0.006

KEEP = """
    insert into area_statistics (area_id, product, period, starts, entry, inputs)
    values ({area}, 'ndvi', '{period}', to_timestamp('{period}', 'YYYY-MM'), '{entry}', '{area}{period}');
"""


def square(west: float) -> list[list[list[float]]]:
    """The rings of a square by its western edge."""
    east, north = west + SIDE, SOUTH + SIDE
    return [[[west, SOUTH], [east, SOUTH], [east, north], [west, north], [west, SOUTH]]]


def kept(area: int, period: str, mean: float) -> str:
    """A statement that keeps a value of a parcel."""
    entry = {
        "period": period, "status": "ok", "mean": mean, "median": mean, "min": mean, "max": mean, "std": 0.0,
        "sum": mean, "count": 9, "valid_fraction": 0.9, "area_km2": 0.3, "valid_area_km2": 0.27, "lit": [],
        "percentiles": {}, "classes": [], "scenes": [], "cell_size_m": 10, "synthetic": True,
        "inputs": f"{area}{period}",
    }  # fmt: skip
    return KEEP.format(area=area, period=period, entry=json.dumps(entry))


@pytest.fixture(scope="module")
def farm(store: str, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with seven parcels of one crop, of which the first is low this year, and one zone."""
    postgres.start()
    address = postgres.clone("tilewatch")
    settings = {
        "TILEWATCH_DATABASE_URL": address,
        "TILEWATCH_JOBS": "false",  # no task counts again what is kept here; jobs wait
        "TILEWATCH_API_KEYS": ENTRY.text,
    }
    server = Server(store, tmp_path_factory.mktemp("farm"), settings=settings)
    server.start()
    latest = server.periods("ndvi")[-1]
    month = latest[4:]
    statements = []
    for n in range(7):
        properties = {"name": f"Field {n + 1}", "kind": "parcel", "products": ["ndvi"], "crop_type": "maize"}
        outline = {"type": "Polygon", "coordinates": square(WEST + 1.2 * n * SIDE)}
        server.post("areas", {"type": "Feature", "geometry": outline, "properties": properties}, KEY)
        for year, value in zip(range(2018, 2024), (0.6, 0.62, 0.58, 0.61, 0.59, 0.6), strict=True):
            statements.append(kept(n + 1, f"{year}{month}", value))
        statements.append(kept(n + 1, latest, 0.3 if n == 0 else 0.55 + n / 100))
    postgres.psql(address.rpartition("/")[2], "".join(statements))
    zone = {"kind": "anomaly", "severity": "high", "detected_at": "2024-07-03T10:00:00Z"}
    outline = {"type": "Polygon", "coordinates": square(WEST)}
    server.post("zones", {"type": "Feature", "geometry": outline, "properties": zone}, KEY)
    yield server
    server.stop()


@pytest.fixture
def farmer(tab: Page, farm: Server) -> Iterator[Reader]:
    reader = Reader(tab, farm)
    yield reader
    tab.evaluate("localStorage.clear()")
    reader.leave()


def test_a_parcel_is_compared_and_a_zone_judged(farmer: Reader) -> None:
    page = farmer.page
    farmer.open(f"#product=ndvi&view=13.5/{SOUTH + SIDE / 2}/{WEST + 4 * SIDE}&parcels=1&zones=1")
    expect(page.locator("#parcels-note")).to_contain_text("7 of 7 parcels have a value of “")
    expect(page.locator("#parcels-legend .tick")).to_have_count(3)
    expect(page.locator("#zones-note")).to_have_text(re.compile("^1 zone. "))
    farmer.wait_for_drawing()

    page.mouse.click(*farmer.place_of(WEST + SIDE / 2, SOUTH + SIDE / 2))
    farmer.wait_for_chart()
    expect(farmer.chart).to_contain_text("Field 1")
    told = page.locator("#parcels-told")
    expect(told.locator(".verdict")).to_have_text("Strongly low")
    expect(told).to_contain_text("Field 1: 0.300 (")
    expect(told).to_contain_text("It stands out among its neighbours in the same way.")
    expect(told).to_contain_text("not what causes it")
    expect(page.locator("#zones-told")).to_contain_text("Zone 1")
    expect(page.locator("#zones-told")).to_contain_text("Parcels1")

    page.locator("#language").select_option("fr")
    expect(told.locator(".verdict")).to_have_text("Très basse")
    expect(page.locator("#parcels-note")).to_contain_text("7 parcelles sur 7")
    expect(page.locator("#parcels")).to_have_attribute("lang", "fr")
    page.get_by_role("button", name="Confirmer").click()
    page.get_by_label("Clé d").fill(KEY)
    page.get_by_role("button", name="Utiliser la clé").click()
    expect(page.locator("#zones-told")).to_contain_text("La zone 1 est maintenant : Confirmée.")
    assert farmer.server.json("zones/1")["properties"]["state"] == "confirmed"
    told.get_by_role("button", name="Marquer comme zone").click()
    expect(told).to_contain_text("La zone 2 a été créée.")
    expect(page.locator("#zones-list li")).to_have_count(2)
    page.locator("#zones-state").select_option("confirmed")
    expect(page.locator("#zones-list li")).to_have_count(1)

    page.locator("#zones-state").select_option("new")
    page.locator("#find-low").fill("0.1")
    page.get_by_role("button", name="Chercher").click()
    expect(page.locator("#find-note")).to_have_text("En attente de son tour…")
    (job,) = farmer.server.json("jobs")["jobs"]
    assert (job["kind"], job["status"]) == ("analyze-scene", "queued")
    page.get_by_role("button", name="Annuler").click()
    expect(page.locator("#find-note")).to_have_text("Annulée.")

    page.reload()
    farmer.wait_for_drawing()
    expect(page.locator("#parcels-note")).to_contain_text("7 parcelles sur 7")
    assert not [each for each in farmer.complaints if "401" not in each]  # the one without a key
