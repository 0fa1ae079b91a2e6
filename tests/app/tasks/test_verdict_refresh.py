"""Verdicts follow the kept series of parcels, and are those that a request gets."""

from app.analysis.parcel_service import ParcelAnalyses
from app.products.registry import Registry
from app.tasks.verdict_refresh import VerdictRefresh
from tests.app.tasks.conftest import PRODUCTS, Kept, square, still_leading

YEARS = range(2020, 2024)


async def test_verdicts_are_made_again_where_a_scene_landed(kept: Kept) -> None:
    for year in YEARS:
        await kept.land(f"june-{year}", f"{year}-06")
    bare, green = await kept.register([square(200, 100), square(20, 100)])
    (field,) = await kept.register([square(60, 100)])
    await kept.connection.execute(
        "update areas set kind = 'parcel', properties = '{\"crop_type\": \"cocoa\"}' where id <> $1", field
    )
    registry = Registry.load([PRODUCTS])
    analyses = ParcelAnalyses(kept.database, kept.catalogue, kept.statistics)
    verdicts = VerdictRefresh(kept.database, registry, analyses)
    assert await verdicts.refresh(still_leading) == 0

    await kept.refresh()
    assert await verdicts.refresh(still_leading) == 2
    assert await verdicts.refresh(still_leading) == 0
    rows = await kept.connection.fetch("select * from analyses order by area_id")
    assert [(r["area_id"], r["period"], r["level"]) for r in rows] == [
        (bare, "2023-06", "usual"),
        (green, "2023-06", "usual"),
    ]

    asked = await analyses.analyse(green, registry.get("ndvi"), None)
    assert (asked.id, asked.inputs) == (rows[1]["id"], rows[1]["inputs"])
    assert asked.result["history"]["periods"] == ["2020-06", "2021-06", "2022-06"]
    assert asked.result["value"] == 0.5

    await kept.land("june-2024", "2024-06", column=150)  # bare now, under its western half
    await kept.refresh()
    assert await verdicts.refresh(still_leading) == 1
    found = await kept.connection.fetch("select area_id from analyses where period = '2024-06'")
    assert [row["area_id"] for row in found] == [bare]
    latest = await analyses.analyse(bare, registry.get("ndvi"), None)
    # NDVI 0.5 after four years of 0: 25 times the floor of 0.02.
    assert abs(latest.result["history"]["z"] - 25) < 1e-4
    assert latest.result["verdict"]["direction"] == "high"
