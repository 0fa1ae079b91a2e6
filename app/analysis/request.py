"""Requests for analyses of parcels: models that refuse invalid values."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.analysis.history import MINIMUM_YEARS, YEARS
from app.analysis.neighbours import WITHIN_M
from app.analysis.parcel import FLOOR, SEEN, AnalysisOptions
from app.analysis.seasons import WINDOW_DAYS
from app.products.product import Product


class ParcelNumbers(BaseModel):
    """The numbers an analysis of parcels depends on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    years: int = Field(default=YEARS, ge=2, le=30, description="Earlier years that are compared at most.")
    minimum_years: int = Field(
        default=MINIMUM_YEARS, ge=2, le=30, description="Earlier years that must have a value."
    )
    window_days: int = Field(
        default=WINDOW_DAYS,
        ge=0,
        le=90,
        description="Days before and after the same day that are its season, of days and hours.",
    )
    seen: float = Field(
        default=SEEN,
        ge=0,
        le=1,
        description="Share of a parcel that must be seen for its mean to count.",
    )
    floor: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="The least standard deviation; by default 0.02 for values without a unit, otherwise 0.",
    )
    within_m: float = Field(
        default=WITHIN_M, gt=0, le=100_000, description="How far the middles of neighbours are away at most."
    )
    same: str = Field(
        default="crop_type",
        min_length=1,
        max_length=200,
        description="The property in which neighbours agree, beside their kind and owner.",
    )

    @model_validator(mode="after")
    def _has_enough_years(self) -> Self:
        if self.minimum_years > self.years:
            raise ValueError(f"minimum_years is {self.minimum_years}, more than the {self.years} years")
        return self

    def options(self, product: Product) -> AnalysisOptions:
        """Return the numbers for a product."""
        floor = (FLOOR if product.unit == "1" else 0.0) if self.floor is None else self.floor
        return AnalysisOptions(**{**self.model_dump(), "floor": floor})
