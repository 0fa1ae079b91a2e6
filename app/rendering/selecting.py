"""Selecting: which periods a request means, and which windows of a product with roles follow from them."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias
from weakref import WeakKeyDictionary

from app.products.product import Product
from app.products.role import MAX_YEARS, Role
from mosaics.catalogue import Catalogue
from mosaics.period import Interval, Period, PeriodError, instant_text, parse_when

MAX_PERIODS = 400
"""Periods one answer may draw on; a day of hours or a year of days is well within."""


class WindowError(ValueError):
    """Windows that cannot be compared; the message says which, and what would work."""


class EmptyWindowError(LookupError):
    """A window in which nothing has landed; the message says which, and what there is."""


@dataclass(frozen=True, slots=True)
class Span:
    """Periods, and the scenes' time limits within them."""

    periods: tuple[Period, ...]
    """Latest first."""
    interval: Interval | None
    """None: every scene of the periods counts."""

    @property
    def text(self) -> str:
        """The periods as one, or as an interval of the first and the last."""
        latest, oldest = self.periods[0], self.periods[-1]
        return latest.text if latest == oldest else f"{oldest}/{latest}"

    @property
    def is_whole(self) -> bool:
        """Whether every scene of its periods counts."""
        return self.interval is None or all(self.interval.covers(period) for period in self.periods)

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """First moment and first moment after: of the interval, where it is open of the periods."""
        start = self.interval.start if self.interval else None
        end = self.interval.end if self.interval else None
        return start or self.periods[-1].start, end or self.periods[0].end


@dataclass(frozen=True, slots=True)
class Window:
    """The time of one role, as used."""

    role: str
    title: str
    spans: tuple[Span, ...]
    """One; of a role of several years one for each that has data, the latest first."""
    how: str
    """How it was chosen, for people."""

    @property
    def text(self) -> str:
        """What it spans: 2023-07, or one a year, separated by blanks."""
        return " ".join(span.text for span in self.spans)

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """First moment, and first moment after."""
        return self.spans[-1].bounds[0], self.spans[0].bounds[1]

    def to_json(self) -> dict[str, object]:
        """The window as it is reported."""
        start, end = self.bounds
        return {
            "title": self.title,
            "period": self.text,
            "start": instant_text(start),
            "end": instant_text(end),
            "periods": [period.text for span in self.spans for period in span.periods],
            "how": self.how,
        }


@dataclass(frozen=True, slots=True)
class Selection(Span):
    """What a request means: its time, and the windows of a product that has roles."""

    windows: tuple[Window, ...] = ()
    """The tested role's first; its span is that of the selection."""


def select_periods(catalogue: Catalogue, collection_id: str, datetime: str | None) -> Selection:
    """The periods that a `datetime` parameter means.

    Args:
        catalogue: What exists now.
        collection_id: The collection asked.
        datetime: A period, an interval or an instant; None for the latest period.

    Raises:
        PeriodError: If the text is not one of those, or means more than `MAX_PERIODS` periods.
    """
    known = catalogue.periods(collection_id)
    if datetime is None:
        return Selection(known[-1:], None)
    interval = parse_when(datetime, catalogue.collection(collection_id).cadence)
    chosen = _overlapping(known, interval)[::-1]
    if len(chosen) > MAX_PERIODS:
        raise PeriodError(
            f"'{datetime}' spans {len(chosen)} periods; one answer takes {MAX_PERIODS}: "
            "ask for a shorter interval"
        )
    return Selection(chosen, interval)


def select(catalogue: Catalogue, product: Product, datetime: str | None) -> Selection:
    """The periods, and the windows of a product with roles, that a `datetime` parameter means.

    Args:
        catalogue: What exists now.
        product: What is asked, with the windows a request has given.
        datetime: Of the tested role: a period, an interval or an instant. None for the latest period; of a
            product with roles the latest that can be compared.

    Raises:
        PeriodError: If `select_periods` raises it.
        WindowError: If windows overlap, or one that comes before another does not.
        EmptyWindowError: If nothing has landed in a window.
    """
    if not product.roles:
        return select_periods(catalogue, product.collection, datetime)
    role = product.roles[product.tested_role]
    written = datetime or role.window
    if written is None:
        latest = (shown_periods(catalogue, product) or catalogue.periods(product.collection))[-1:]
        return _compared(catalogue, product, Selection(latest, None), "latest period")
    given = select_periods(catalogue, product.collection, written)
    if not given.periods:
        raise _nothing_landed(catalogue, product, product.tested_role, written)
    return _compared(catalogue, product, given, "as asked")


def shown_periods(catalogue: Catalogue, product: Product) -> tuple[Period, ...]:
    """The periods there are to be asked for, oldest first; with roles, those that can be compared."""
    if not product.roles:
        return catalogue.periods(product.collection)
    if any(role.window for role in product.roles.values()):
        return _comparable(catalogue, product)
    generation, kept = _shown.get(catalogue, (-1, {}))
    if generation != catalogue.generation:
        _shown[catalogue] = (catalogue.generation, kept := {})
    windows = (product.collection, tuple(product.roles.items()))
    if windows not in kept:
        kept[windows] = _comparable(catalogue, product)
    return kept[windows]


_Shown: TypeAlias = dict[tuple[str, tuple[tuple[str, Role], ...]], tuple[Period, ...]]
_shown: WeakKeyDictionary[Catalogue, tuple[int, _Shown]] = WeakKeyDictionary()
"""By collection and roles, until something lands: every tile of the latest period asks. A request's own
windows are not kept, so that there are no more than there are product files."""


def _comparable(catalogue: Catalogue, product: Product) -> tuple[Period, ...]:
    """The periods of a product with roles for which every window has data, oldest first."""
    found = []
    for period in catalogue.periods(product.collection):
        try:
            _compared(catalogue, product, Selection((period,), None), "")
        except (EmptyWindowError, WindowError):
            continue
        found.append(period)
    return tuple(found)


def compared_periods(catalogue: Catalogue, product: Product, period: Period) -> frozenset[Period]:
    """The periods a product draws on for one of its own: itself, and those of the windows before it."""
    if not product.roles:
        return frozenset([period])
    try:
        windows = select(catalogue, product, period.text).windows
    except (EmptyWindowError, WindowError):
        return frozenset([period])
    return frozenset(each for window in windows for span in window.spans for each in span.periods)


def _compared(catalogue: Catalogue, product: Product, tested: Selection, how: str) -> Selection:
    """A selection of the tested role with the windows of all."""
    name = product.tested_role
    if not tested.periods:
        raise _nothing_landed(catalogue, product, name, "the latest period")
    windows = [Window(name, product.roles[name].title, (Span(tested.periods, tested.interval),), how)]
    for earlier in list(product.role_bands)[1:]:
        window = _earlier(catalogue, product, earlier, windows[0].spans[0])
        if window.bounds[1] > windows[0].bounds[0]:
            raise WindowError(_misplaced(window, windows[0]))
        windows.append(window)
    return Selection(tested.periods, tested.interval, tuple(windows))


def _earlier(catalogue: Catalogue, product: Product, name: str, tested: Span) -> Window:
    """The window of a role that comes before the tested one."""
    role = product.roles[name]
    if role.is_repeated:
        return _yearly(catalogue, product, name, tested)
    if role.window is not None:
        given = select_periods(catalogue, product.collection, role.window)
        if not given.periods:
            raise _nothing_landed(catalogue, product, name, role.window)
        return Window(name, role.title, (Span(given.periods, given.interval),), "as asked")
    if (span := years_before(catalogue, product, tested, 1)) is not None:
        return Window(name, role.title, (span,), "the same time one year before")
    if role.otherwise == "latest-before" and (found := _latest_before(catalogue, product, tested)):
        how = "the latest period before; there is nothing for the same time one year before"
        return Window(name, role.title, (found,), how)
    raise EmptyWindowError(
        f"{product.id!r} compares {tested.text} with the same time one year before, and nothing has landed "
        f"there; ask for another window with {name}=. {_what_there_is(catalogue, product)}"
    )


def _yearly(catalogue: Catalogue, product: Product, name: str, tested: Span) -> Window:
    role = product.roles[name]
    years = _years_of(role, name, tested)
    found = [span for n in years if (span := years_before(catalogue, product, tested, n)) is not None]
    least = role.minimum_years or 1
    if len(found) < least:
        there_are = ", ".join(span.text for span in found) or "none"
        raise EmptyWindowError(
            f"{product.id!r} compares {tested.text} with the same time of at least {least} of "
            f"{len(years)} earlier years; there are: {there_are}. {_what_there_is(catalogue, product)}"
        )
    how = f"the same time in {len(found)} of {len(years)} earlier years"
    return Window(name, role.title, tuple(found), how)


def _years_of(role: Role, name: str, tested: Span) -> list[int]:
    """How many years before the tested window each of a role's windows lies."""
    if role.window is None:
        return list(range(1, role.years + 1))
    year = tested.bounds[0].year
    asked = Interval.parse(role.window) if "/" in role.window else Period.parse(role.window).interval()
    if asked.start is None or asked.end is None:
        raise WindowError(f"{name} is an interval of years, as in {name}={year - 5}/{year - 1}")
    last = (asked.end - timedelta(microseconds=1)).year
    years = [year - each for each in range(last, asked.start.year - 1, -1)]
    if years and years[0] < 1:
        raise WindowError(
            f"{name} is {role.window}, and the year {year} that is tested is not one of the years it is "
            f"compared with; give years before, as in {name}={year - 5}/{year - 1}"
        )
    if not (role.minimum_years or 1) <= len(years) <= MAX_YEARS:
        raise WindowError(
            f"{name} has {role.minimum_years} to {MAX_YEARS} years, as in {name}={year - 5}/{year - 1}; "
            f"{role.window} are {len(years)}"
        )
    return years


def years_before(catalogue: Catalogue, product: Product, tested: Span, years: int) -> Span | None:
    """Return the same time some years before; None where nothing has landed in it."""
    start, end = (_shifted(moment, years) for moment in tested.bounds)
    if start is None or end is None:
        return None
    interval = Interval(start, end)
    periods = _overlapping(catalogue.periods(product.collection), interval)[::-1]
    return Span(periods, interval) if periods else None


def _latest_before(catalogue: Catalogue, product: Product, tested: Span) -> Span | None:
    """The latest period that ends before a span begins, at most a year before."""
    start = tested.bounds[0]
    known = catalogue.periods(product.collection)
    place = bisect_right(known, start, key=lambda period: period.end)
    year_before = _shifted(start, 1)
    if place == 0 or year_before is None or known[place - 1].start < year_before:
        return None
    return Span((known[place - 1],), None)


def _shifted(moment: datetime, years: int) -> datetime | None:
    """The same moment of an earlier year, the 28th for the 29th of February; None before there are years."""
    if moment.year <= years:
        return None
    day = 28 if (moment.month, moment.day) == (2, 29) else moment.day
    return moment.replace(year=moment.year - years, day=day)


def _misplaced(window: Window, tested: Window) -> str:
    if window.bounds[0] >= tested.bounds[1]:
        return (
            f"{window.role} ({window.text}) lies after {tested.role} ({tested.text}); {window.role} comes "
            f"before it: {window.role}={tested.text}&{tested.role}={window.text} would work"
        )
    return (
        f"the windows {window.role} ({window.text}) and {tested.role} ({tested.text}) overlap; "
        f"{window.role} ends before {tested.role} begins"
    )


def _nothing_landed(catalogue: Catalogue, product: Product, role: str, written: str) -> EmptyWindowError:
    return EmptyWindowError(
        f"{product.id!r} has nothing for {role}={written}. {_what_there_is(catalogue, product)}"
    )


def _what_there_is(catalogue: Catalogue, product: Product) -> str:
    known = catalogue.periods(product.collection)
    return f"Its periods run from {known[0]} to {known[-1]}." if known else "It has no period yet."


def _overlapping(periods: tuple[Period, ...], interval: Interval) -> tuple[Period, ...]:
    """Those of ascending periods that share a moment with an interval, found by bisection."""
    first = 0 if interval.start is None else bisect_right(periods, interval.start, key=lambda p: p.end)
    last = len(periods) if interval.end is None else bisect_left(periods, interval.end, key=lambda p: p.start)
    return periods[first:last]
