"""Choosing a period from a calendar: months of a year, days and their hours."""

import re

from playwright.sync_api import expect

from tests.end_to_end.reader import Reader


def test_a_month_is_chosen_among_those_that_have_data(visited: Reader) -> None:
    page, known = visited.page, visited.server.periods("ndvi")
    visited.choose("ndvi")
    opener, months = page.locator("#months-open"), page.locator("#month-grid button")
    opener.click()
    year = known[-1][:4]
    assert [month.get_attribute("data-month") for month in months.all()] == [
        f"{year}-{number:02d}" for number in range(1, 13)
    ]
    enabled = [month.get_attribute("data-month") for month in months.all() if month.is_enabled()]
    assert enabled == [period for period in known if period.startswith(year)]
    assert 0 < len(enabled) < 12
    expect(page.locator("#month-grid [data-month$='-12']")).to_have_accessible_name(
        re.compile("^December .*, no data$")
    )
    page.keyboard.press("PageUp")  # a year back, or as far as there are data
    page.keyboard.press("Home")
    expect(page.locator("#year")).to_have_value(known[0][:4])
    page.keyboard.press("Enter")
    visited.wait_for_period(known[0])
    expect(page.locator("#months")).to_be_hidden()
    expect(opener).to_be_focused()
    opener.click()
    page.keyboard.press("Escape")
    expect(page.locator("#months")).to_be_hidden()
    assert visited.complaints == []


def test_an_hour_is_chosen_from_a_day_whose_night_is_grey(visited: Reader) -> None:
    page, known = visited.page, visited.server.periods("no2")
    visited.choose("no2")
    expect(page.locator("#months-open")).to_be_hidden()
    page.locator("#hours-open").click()
    days, hours = page.locator("#day-grid button"), page.locator("#hour-grid button")
    expect(page.locator("#day-grid [aria-pressed=true]")).to_have_accessible_name("15 Jun 2024, 13 hours")
    assert [day.is_enabled() for day in days.all()].count(True) == 1  # by solar time; of UTC it is two
    # At 99 W solar time is UTC-7: daylight of this day ends on the next one of UTC.
    enabled = [hour.get_attribute("data-hour") for hour in hours.all() if hour.is_enabled()]
    assert enabled == known
    expect(hours.first).to_have_accessible_name("00:00 solar time, 07:00 UTC, night")
    expect(page.locator("#hours-told")).to_contain_text("13 hours have data, 10 are night, 1 is missing.")
    page.keyboard.press("Enter")  # the day, on which the focus is
    expect(page.locator(f"[data-hour='{known[-1]}']")).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    visited.wait_for_period(known[1])
    expect(page.locator("#hours")).to_be_hidden()
    expect(page.locator("#hours-open")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("#hours-zone").focus()
    page.locator("#hours-zone").select_option("UTC")
    expect(hours.nth(5)).to_have_accessible_name("05:00 UTC, night")
    expect(hours.first).to_have_accessible_name("00:00 UTC, no data")  # 17:00 the day before, by the sun
    assert [day.is_enabled() for day in days.all()].count(True) == 2
    page.keyboard.press("Escape")
    expect(page.locator("#hours")).to_be_hidden()
    assert visited.complaints == []
