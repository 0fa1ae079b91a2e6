"""The feed: a standing order, and the requests that create and change one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app.jobs.aoi import Aoi
from app.jobs.request import Band, Cloud, Name
from mosaics.bbox import Bbox
from mosaics.period import Interval

EARLIEST = datetime(1972, 1, 1, tzinfo=UTC)
"""No archive has anything before the first Landsat."""

SHORTEST_EVERY = timedelta(minutes=5)
LONGEST_EVERY = timedelta(days=31)
LONGEST_LAG = timedelta(days=731)

NOTHING: Mapping[str, Any] = MappingProxyType({})


class FeedError(ValueError):
    """A request for a feed that is not valid; the message says what would be right."""


class FeedChangedError(Exception):
    """The feed is not the one of If-Match any more."""


class UnknownFeedError(LookupError):
    """No feed has this id."""

    def __init__(self, feed_id: int) -> None:
        super().__init__(f"no feed {feed_id}; GET /feeds lists the feeds")


def _readable_moment(text: str) -> str:
    moment = Interval.parse(f"{text}/..").start
    if moment is None or moment < EARLIEST:
        raise ValueError(f"give a period or an instant from {EARLIEST:%Y} on, such as 2024-06")
    return text


def _within(shortest: timedelta, longest: timedelta, value: timedelta) -> timedelta:
    if not shortest <= value <= longest:
        raise ValueError(f"give a duration from {shortest} to {longest}, such as P1D or PT30M")
    return value


def _each_once(bands: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(bands))


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a name has printable characters only")
    return text


Moment: TypeAlias = Annotated[
    str,
    StringConstraints(max_length=40),
    AfterValidator(_readable_moment),
    Field(description="A period (2024-06) or an instant.", examples=["2024-06"]),
]
Frequency: TypeAlias = Annotated[
    timedelta,
    AfterValidator(lambda value: _within(SHORTEST_EVERY, LONGEST_EVERY, value)),
    Field(description="How often the archive is asked, an ISO 8601 duration: P1D, PT30M."),
]
Lag: TypeAlias = Annotated[
    timedelta,
    AfterValidator(lambda value: _within(timedelta(0), LONGEST_LAG, value)),
    Field(description="Usual time until publication, an ISO 8601 duration: P61D."),
]
Title: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), AfterValidator(_printable)
]
Bands: TypeAlias = Annotated[tuple[Band, ...], AfterValidator(_each_once), Field(max_length=100)]
Whole: TypeAlias = Annotated[int, Field(ge=1, le=2**63 - 1)]


class FeedRequest(BaseModel):
    """A feed to create: most of it has defaults, which the collection's file gives."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Title | None = Field(default=None, description="By default made of collection and place.")
    source: Name | None = Field(default=None, description="An archive; by default the collection's first.")
    collection: Name | None = Field(default=None, description="What is landed in; by default the source's.")
    area: Whole | None = Field(default=None, description="Id of the area whose box is fetched.")
    aoi: Aoi | None = Field(default=None, description="The box that is fetched, in place of an area.")
    bands: Bands = Field(default=(), description="By default all the source has.")
    starts: Moment | None = Field(default=None, alias="from", description="Beginning; by default a year ago.")
    ends: Moment | None = Field(
        default=None, alias="to", description="End, a period included; null goes on for ever."
    )
    every: Frequency | None = None
    lag: Lag | None = None
    max_cloud: Cloud = None
    clip: bool | None = Field(
        default=None,
        description="Land only the pixels under the box; by default where the archive gives parts of files.",
    )
    paused: bool = False

    @model_validator(mode="after")
    def _names_one_place_and_an_archive(self) -> Self:
        if self.area is not None and self.aoi is not None:
            raise ValueError("give either area, the id of one, or aoi, a box or polygon")
        if self.source is None and self.collection is None:
            raise ValueError("give a source (`tilewatch sources` lists them) or a collection")
        return self


class FeedChanges(BaseModel):
    """Changes to a feed by merge patch (RFC 7396): what is not named stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Title = "-"
    aoi: Aoi | None = None
    bands: Bands = ()
    starts: Moment | None = Field(default=None, alias="from")
    ends: Moment | None = Field(default=None, alias="to")
    every: Frequency | None = None
    lag: Lag | None = None
    max_cloud: Cloud = None
    clip: bool = False
    paused: bool = False

    @model_validator(mode="after")
    def _keeps_place_and_beginning(self) -> Self:
        for name, text in (("aoi", "aoi"), ("starts", "from")):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{text} cannot be null; leave it out to keep it")
        return self

    @property
    def named(self) -> frozenset[str]:
        """The fields that the patch names."""
        return frozenset(self.model_fields_set)


@dataclass(frozen=True, slots=True)
class Order:
    """What a feed orders, and when."""

    name: str
    source: str
    collection: str
    area_id: int | None
    box: Bbox
    bands: tuple[str, ...]
    """Empty for all the source has."""
    starts: datetime
    ends: datetime | None
    """First moment after what is wanted, UTC; None while it goes on."""
    every: timedelta
    lag: timedelta | None
    """In place of the collection's."""
    max_cloud: float | None
    clip: bool
    paused: bool = False
    is_of_area: bool = False
    """Whether it was started by an area and ends with it."""
    owner_id: str | None = None
    """Of its area, or to whom the request was bound."""


@dataclass(frozen=True, slots=True)
class Done:
    """What has come of a feed, as far as its row tells."""

    polled_at: datetime | None = None
    """When its archive was last asked, and had answered or failed."""
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str | None = None
    """Why, the last time."""
    newest_acquired: datetime | None = None
    """Beginning of the newest granule that has landed."""
    newest_seen: datetime | None = None
    """The same, those among them that were too cloudy."""
    newest_revision: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the pieces of a feed are."""

    pieces: int = 0
    looked_at: int = 0
    """Pieces that were asked for at least once."""
    complete: int = 0
    """Pieces of which a look left nothing out."""
    under_way: int | None = None
    """Id of the order that runs or waits."""
    next_at: datetime | None = None
    """When the next piece is due; None if none is."""
    failures: int = 0
    """Consecutive failures of the piece that has most."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A standing order and what has come of it."""

    id: int
    order: Order
    version: int
    """Grows with every change of the order."""
    created_at: datetime
    updated_at: datetime
    done: Done = field(default_factory=Done)
    progress: Progress = field(default_factory=Progress)

    @property
    def tag(self) -> str:
        """What stands for the order in its ETag; what has come of the feed does not change it."""
        return f"feed-{self.id}-{self.version}"
