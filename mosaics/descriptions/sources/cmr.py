"""Sources of the kind "cmr": collections of NASA's Common Metadata Repository."""

import re
from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from mosaics.descriptions.sources.source import SourceDescription


class GranuleSource(SourceDescription):
    """One collection of NASA's Common Metadata Repository, in one of its versions, however its files come."""

    tells_revisions: ClassVar[bool] = True

    api: str = "https://cmr.earthdata.nasa.gov/search"
    """Root of the searches."""
    short_name: str = Field(pattern=r"^[A-Za-z0-9][\w.-]{0,84}$")
    """NASA's name of the collection: VNP46A3."""
    version: str = Field(pattern=r"^[\w.-]{1,20}$")
    """Of the collection; "2" and "002" are the same."""
    concept_id: str | None = Field(default=None, pattern=r"^C[0-9]+-[A-Z0-9_]+$")
    """The repository's id of the collection; it is looked up by name and version where it is not given."""
    provider: str | None = Field(default=None, pattern=r"^[A-Z0-9_]+$")
    """Whose collection it is, where several have one of that name and version."""
    names: str = "granule"
    """What granules are known by."""
    tile: str | None = None
    """The additional attribute that has the tile, where names are those of granules: MGRS_TILE_ID."""
    format: str
    """Of the files."""
    layers: Mapping[str, int | str] = Field(min_length=1)
    """What each of our bands is called in the file: the name of a dataset, or the number of a band."""
    optional: tuple[str, ...] = ()
    """Bands that not every file has; a granule lands without them."""

    @property
    def bands(self) -> tuple[str, ...]:
        """See `SourceDescription.bands`."""
        return tuple(self.layers)

    @model_validator(mode="after")
    def _may_lack_its_own_bands_but_one(self) -> Self:
        if not set(self.optional) < set(self.layers):
            raise ValueError(f"optional names some of layers, not all; there are: {', '.join(self.layers)}")
        return self

    @field_validator("api")
    @classmethod
    def _is_a_root(cls, value: str) -> str:
        if not re.match(r"https?://", value) or set("?#@") & set(value):
            raise ValueError("the root of searches is an https address without query or credentials")
        return value.rstrip("/")


class CmrSource(GranuleSource):
    """A collection whose files are fetched as they lie in their archive."""

    kind: Literal["cmr"] = "cmr"
    names: Literal["granule", "black-marble"] = "granule"
    """What granules are known by.

    `granule`: the metadata alone. `black-marble`: the names of their files, which have time, tile and
    version; a granule that was produced again is the same scene."""
    format: Literal["geotiff", "hdf5"] = "hdf5"
    """Of the files."""
