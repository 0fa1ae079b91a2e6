"""Requests for analyses that run as jobs: zones of a region, and the verdicts on many parcels."""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.analysis.beyond import Threshold
from app.analysis.request import ParcelNumbers
from app.areas.area import own_json
from app.areas.area_store import AreaSearch
from app.jobs.aoi import Aoi, Toi

ProductName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="Id of a product.")
]
Number = Annotated[float | None, Field(allow_inf_nan=False)]
OneId = Annotated[int, Field(ge=1, le=2**63 - 1)]
MAX_IDS = 5_000


class SceneNumbers(BaseModel):
    """The product that is looked at in a region, and what makes a zone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    product: ProductName = "ndvi-anomaly"
    beyond: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Gather values at most -beyond and at least beyond; of standard deviations 3 by default.",
    )
    low: Number = Field(default=None, description="Gather values at most this.")
    high: Number = Field(default=None, description="Gather values at least this.")
    connectivity: Literal[4, 8] = Field(
        default=8, description="4: pixels touch by their edges; 8: by their corners, too."
    )
    minimum_cells: int = Field(default=9, ge=1, le=10_000_000, description="Pixels that a zone has at least.")
    persistence: int = Field(
        default=3, ge=1, le=12, description="Periods over which zones are followed back, this one included."
    )
    zones: bool = Field(default=False, description="Keep the largest 1,000 as zones of anomalies.")

    @model_validator(mode="after")
    def _has_one_threshold(self) -> Self:
        if self.beyond is not None and (self.low is not None or self.high is not None):
            raise ValueError("beyond stands for low and high; give it, or them")
        _ = self.threshold  # which refuses itself
        return self

    @property
    def threshold(self) -> Threshold | None:
        """Which values are gathered; None for what is usual of the product.

        Raises:
            app.analysis.beyond.ThresholdError: If low is not below high.
        """
        if self.beyond is not None:
            return Threshold(-self.beyond, self.beyond)
        if self.low is None and self.high is None:
            return None
        return Threshold(self.low, self.high)


class SceneAnalysisRequest(SceneNumbers):
    """Zones to find in a region: connected pixels beyond a threshold."""

    aoi: Aoi
    toi: Toi = Field(description="The period that is looked at: one of the product's.")
    area: OneId | None = Field(default=None, description="Only within this registered area.")
    owner: str | None = Field(default=None, max_length=64, description="Whose the zones are.")

    @property
    def words(self) -> tuple[str, ...]:
        """The request as options of the command."""
        given = {
            "bbox": f"{self.aoi:.12g}",
            "datetime": self.toi,
            "area": self.area,
            "product": self.product,
            "beyond": self.beyond,
            "low": self.low,
            "high": self.high,
            "connectivity": self.connectivity,
            "minimum-cells": self.minimum_cells,
            "persistence": self.persistence,
            "owner": self.owner,
        }
        options = [f"--{name}={value}" for name, value in given.items() if value is not None]
        return ("analyze", "scene", "--json", *options, *(["--zones"] if self.zones else []))


class ParcelsAnalysisRequest(BaseModel):
    """Verdicts on many parcels, from what is kept of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    product: ProductName = "ndvi"
    period: str | None = Field(
        default=None, max_length=50, description="The period looked at; by default the latest of each parcel."
    )
    ids: Annotated[list[OneId], Field(max_length=MAX_IDS)] | None = Field(
        default=None, description="Ids of parcels; by default all that keep the product."
    )
    kind: str | None = Field(default=None, max_length=200, description="Only areas of this kind.")
    properties: dict[str, Any] | None = Field(
        default=None, description='Own properties they have: {"crop_type": "cocoa"}.'
    )
    numbers: ParcelNumbers = ParcelNumbers()
    owner: str | None = Field(default=None, max_length=64, description="Only areas of this owner.")

    @model_validator(mode="after")
    def _fits_a_command_line(self) -> Self:
        if len(self.model_dump_json()) > MAX_JSON:
            raise ValueError(f"the request has more than {MAX_JSON:,} characters as JSON; send it in parts")
        return self

    @property
    def search(self) -> AreaSearch:
        """The areas that are meant."""
        own = None if self.properties is None else own_json(self.properties)
        return AreaSearch(
            kind=self.kind, product=self.product, properties=own, ids=self.ids, owner=self.owner
        )

    @property
    def words(self) -> tuple[str, ...]:
        """The request as options of the command."""
        return ("analyze", "parcels", "--json", f"--request={json.dumps(self.model_dump(mode='json'))}")


MAX_JSON = 110_000
"""Characters: of a word of a command line Linux takes 128 kB."""
