"""Which windows a product compares, by default and as asked."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.products.product import Product
from app.products.registry import Registry
from app.rendering.selecting import EmptyWindowError, Selection, WindowError, select, shown_periods
from mosaics.catalogue import Catalogue
from mosaics.log import commit_scenes
from mosaics.period import Period
from mosaics.storage import open_storage
from tests.app.landed import COLLECTION, put_collection
from tests.mosaics.records import scene

PRODUCTS = Registry.load()
DNBR = PRODUCTS.get("dnbr")
ANOMALY = PRODUCTS.get("ndvi-anomaly")
MONTHS = ("2019-07", "2021-07", "2022-07", "2022-12", "2023-05", "2023-07", "2024-06", "2024-07")


@pytest.fixture
async def catalogue(tmp_path: Path) -> AsyncIterator[Catalogue]:
    """Scenes of some months; nobody looks at their pixels."""
    async with await open_storage((tmp_path / "store").as_uri()) as storage:
        await put_collection(storage)
        records = []
        for month in MONTHS:
            period = Period.parse(month)
            moment = period.start + timedelta(days=14)
            records.append(scene(f"s-{month}", period=period, start=moment, end=moment))
        await commit_scenes(storage, COLLECTION.id, add=records)
        catalogue = Catalogue(storage)
        await catalogue.refresh()
        yield catalogue


def texts(selection: Selection) -> dict[str, str]:
    return {window.role: window.text for window in selection.windows}


def asked(product: Product, **windows: str) -> Product:
    return product.specified(windows=windows)


def test_the_latest_month_is_compared_with_that_of_the_year_before(catalogue):
    selection = select(catalogue, DNBR, None)
    assert texts(selection) == {"post": "2024-07", "pre": "2023-07"}
    assert selection.windows[1].how == "the same time one year before"
    assert selection.text == "2024-07"


def test_without_the_year_before_the_latest_month_before_stands_in(catalogue):
    selection = select(catalogue, DNBR, "2024-06")
    assert texts(selection) == {"post": "2024-06", "pre": "2023-07"}
    assert selection.windows[1].how.startswith("the latest period before")
    # Nothing in the year before 2021-07: 2019-07 is two years away.
    with pytest.raises(EmptyWindowError, match="'dnbr' compares 2021-07 with the same time one year before"):
        select(catalogue, DNBR, "2021-07")


def test_windows_are_taken_as_asked(catalogue):
    product = asked(DNBR, pre="2022-07/2022-12")
    selection = select(catalogue, product, "2023-05/2023-07")
    assert texts(selection) == {"post": "2023-05/2023-07", "pre": "2022-07/2022-12"}
    pre = selection.windows[1].to_json()
    assert pre["periods"] == ["2022-12", "2022-07"]
    assert (pre["start"], pre["end"]) == ("2022-07-01T00:00:00Z", "2023-01-01T00:00:00Z")
    assert pre["how"] == "as asked"
    shifted = select(catalogue, DNBR, "2023-05/2023-07")
    assert texts(shifted)["pre"] == "2022-07"


@pytest.mark.parametrize(
    ("pre", "post", "error", "words"),
    [
        ("2024-06/2024-07", "2024-07", WindowError, r"pre \(2024-06/2024-07\) and post \(2024-07\) overlap"),
        (
            "2024-07",
            "2023-05",
            WindowError,
            r"pre \(2024-07\) lies after post .*pre=2023-05&post=2024-07 would",
        ),
        (
            "2018-01",
            "2024-07",
            EmptyWindowError,
            "nothing for pre=2018-01. Its periods run from 2019-07 to 2024",
        ),
        ("2023-07", "2024-09", EmptyWindowError, "'dnbr' has nothing for post=2024-09"),
    ],
)
def test_windows_that_cannot_be_compared_are_refused(catalogue, pre, post, error, words):
    with pytest.raises(error, match=words):
        select(catalogue, asked(DNBR, pre=pre), post)


def test_a_baseline_leaves_out_the_year_that_is_tested(catalogue):
    selection = select(catalogue, ANOMALY, None)
    assert texts(selection) == {"post": "2024-07", "baseline": "2023-07 2022-07 2021-07 2019-07"}
    assert selection.windows[1].how == "the same time in 4 of 5 earlier years"
    named = select(catalogue, asked(ANOMALY, baseline="2021/2023"), "2024-07")
    assert texts(named)["baseline"] == "2023-07 2022-07 2021-07"


@pytest.mark.parametrize(
    ("baseline", "error", "words"),
    [
        ("2022/2024", WindowError, "the year 2024 that is tested is not one of the years"),
        ("2022/2023", WindowError, "baseline has 3 to 10 years"),
        ("2010/2023", WindowError, "2010/2023 are 14"),
        ("2012/2018", EmptyWindowError, "at least 3 of 7 earlier years; there are: none"),
    ],
)
def test_a_baseline_of_the_wrong_years_is_refused(catalogue, baseline, error, words):
    with pytest.raises(error, match=words):
        select(catalogue, asked(ANOMALY, baseline=baseline), "2024-07")


def test_months_are_shown_that_can_be_compared(catalogue):
    shown = [str(period) for period in shown_periods(catalogue, DNBR)]
    assert shown == ["2022-07", "2022-12", "2023-05", "2023-07", "2024-06", "2024-07"]
    assert [str(period) for period in shown_periods(catalogue, ANOMALY)] == ["2023-07", "2024-07"]


def test_a_day_in_february_that_other_years_lack(catalogue):
    selection = select(catalogue, asked(DNBR, pre="2023-07"), "2024-07-15")
    assert selection.interval is not None
    assert texts(selection)["post"] == "2024-07"
    leap = select(catalogue, DNBR, "2024-02-29/2024-07-31")
    start, end = leap.windows[1].bounds
    assert (f"{start:%m-%d}", f"{end:%m-%d}") == ("02-28", "08-01")
