"""Sources of the kind "stac": collections of a STAC API."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from mosaics.descriptions.sources.source import SourceDescription


class Signing(BaseModel):
    """How a source's files are signed for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["planetary-computer"] = "planetary-computer"
    tokens: str
    """Address that hands out tokens, to which account and container are appended."""


class BandAsset(BaseModel):
    """Where an item has a band."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: str
    """The API's name of the file."""
    band: int = Field(default=1, ge=1)
    """Number of the band in the file, from 1."""


class StacSource(SourceDescription):
    """One collection of a STAC API."""

    gives_parts: ClassVar[bool] = True

    kind: Literal["stac"] = "stac"
    api: str
    """Root of the STAC API."""
    archive_collection: str
    """The API's name of the collection."""
    assets: Mapping[str, str | BandAsset] = Field(min_length=1)
    """The API's asset of each of our bands: its name, or name and band where a file holds several."""
    offset: Literal["baseline", "flag", "item"]
    """What tells scale and offset of the numbers.

    `baseline`: they are as ESA made them. `flag`: `earthsearch:boa_offset_applied`, checked against the
    pixels where it says no. `item`: the item's own raster:bands."""
    method: Literal["POST", "GET"] = "POST"
    platforms: tuple[str, ...] = ()
    """Only scenes of these; empty for all."""
    signing: Signing | None = None
    billed_buckets: tuple[str, ...] = ()
    """S3 buckets that bill their readers, beside the known ones: only for these are requests signed."""

    @property
    def bands(self) -> tuple[str, ...]:
        """See `SourceDescription.bands`."""
        return tuple(self.assets)

    def band_asset(self, band: str) -> BandAsset:
        """Return where items have a band of the source."""
        asset = self.assets[band]
        return BandAsset(asset=asset) if isinstance(asset, str) else asset

    @field_validator("api")
    @classmethod
    def _is_a_root(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")) or set("?#@") & set(value):
            raise ValueError("the root of an API is an https address without query or credentials")
        return value  # which plain http the client refuses, but for archives on this machine
