"""Sources of the kind "harmony": collections of NASA's of which Harmony makes parts on demand."""

import re
from typing import ClassVar, Literal

from pydantic import field_validator

from mosaics.descriptions.sources.cmr import GranuleSource


class HarmonySource(GranuleSource):
    """A collection whose granules are found in the repository, and cut out by Harmony."""

    gives_parts: ClassVar[bool] = True
    makes_parts: ClassVar[bool] = True

    kind: Literal["harmony"] = "harmony"
    harmony: str = "https://harmony.earthdata.nasa.gov"
    """Root of Harmony."""
    names: Literal["granule", "tempo"] = "granule"
    """What granules are known by.

    `granule`: the metadata alone. `tempo`: the names of their files, which have product, version and start;
    a scan that was published again is the same scene."""
    format: Literal["geotiff", "netcdf"] = "netcdf"
    """Of the files that Harmony is asked to make."""

    @field_validator("harmony")
    @classmethod
    def _is_an_origin(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^/?#@]+/?", value):
            raise ValueError("the root of Harmony is an https address without path, query or credentials")
        return value.rstrip("/")
