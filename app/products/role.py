"""Roles: the time windows of a product that compares dates, and what is taken where none is asked for."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

ROLES = ("pre", "post", "baseline")
"""What roles are called, in files and in requests."""
MAX_YEARS = 10
"""Earlier years one role may span; each is read like a date of its own."""


class Role(BaseModel):
    """A named time window of a product that compares dates.

    One role of a product is the tested one: the latest period unless a request says otherwise. The others
    come before it, and their windows follow from its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    title: str = Field(min_length=1)
    """What the window is called in legends and forms."""
    before: str | None = None
    """The tested role, which this one comes before; left out, this is the tested one."""
    years: int = Field(default=1, ge=1, le=MAX_YEARS)
    """The window is the tested one, one year earlier; or so many windows, one in each year before it."""
    minimum_years: int | None = Field(default=None, ge=2, le=MAX_YEARS)
    """Of several years, how many must have a value for a mean or a standard deviation to be one."""
    otherwise: Literal["latest-before"] | None = None
    """Where there is nothing a year earlier: the latest period that ends before the tested window begins."""
    window: str | None = Field(default=None, min_length=1, max_length=100)
    """A period or interval in place of all that; of several years, the years: "2018/2022"."""

    @model_validator(mode="before")
    @classmethod
    def _only_before(cls, data: Any) -> Any:
        if isinstance(data, dict) and "before" not in data:
            needless = [key for key in ("years", "minimum_years", "otherwise") if key in data]
            if needless:
                raise ValueError(f"{needless[0]} is for a role that comes before another; add before = …")
        return data

    @model_validator(mode="after")
    def _check_years(self) -> "Role":
        if self.minimum_years is None and self.years > 1:
            raise ValueError(f"of {self.years} years, minimum_years says how many must have a value; add it")
        if self.minimum_years is not None and self.minimum_years > self.years:
            raise ValueError(f"minimum_years is {self.minimum_years}, more than the {self.years} years")
        if self.minimum_years is not None and self.otherwise is not None:
            raise ValueError("otherwise is for a single window; nothing replaces one of several years")
        return self

    @property
    def is_repeated(self) -> bool:
        """Whether it has a window in each of several years, for `mean` and `std` in the expression."""
        return self.minimum_years is not None

    @property
    def effect(self) -> dict[str, object]:
        """What decides about pixels, given the scenes of the window."""
        return self.model_dump(exclude={"title", "window"}, exclude_none=True)


class CountedCondition(BaseModel):
    """A condition whose area statistics give."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = Field(min_length=1)
    """What such ground is called in statistics."""
    where: str
    """A comparison over the product's bands, named as in its expression."""


class AbsenceColors(BaseModel):
    """Colours of pixels without a value, so that a map tells why they have none; others are transparent."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    masked: str | None = Field(default=None, pattern=r"^#[0-9a-f]{6}$")
    """Where a mask rule rejects the pixel at a date, #rrggbb in small letters."""
    outside_zone: str | None = Field(default=None, pattern=r"^#[0-9a-f]{6}$")
    """Where a mask collection says that the product does not apply."""
