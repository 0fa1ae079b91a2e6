"""What describes an archive's collection: one .toml that says how it is searched and what its assets are."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

SHIPPED = Path(__file__).parent / "sources"


class SourceFileError(ValueError):
    """A .toml that describes no source; the message names file and field."""


class UnknownSourceError(LookupError):
    """No source of that name; the message names those there are."""


class Signing(BaseModel):
    """How a source's files are signed for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["planetary-computer"] = "planetary-computer"
    tokens: str
    """Address that hands out tokens, to which account and container are appended."""


class SourceDescription(BaseModel):
    """One collection of a STAC API, and the collection of ours that it is landed in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    title: str
    api: str
    """Root of the STAC API."""
    archive_collection: str
    """The API's name of the collection."""
    collection: str
    """Ours."""
    assets: Mapping[str, str] = Field(min_length=1)
    """The API's asset of each of our bands."""
    offset: Literal["baseline", "flag", "item"]
    """What tells scale and offset of the numbers.

    `baseline`: they are as ESA made them. `flag`: `earthsearch:boa_offset_applied`, checked against the
    pixels where it says no. `item`: the item's own raster:bands."""
    method: Literal["POST", "GET"] = "POST"
    platforms: tuple[str, ...] = ()
    """Only scenes of these; empty for all."""
    signing: Signing | None = None

    @field_validator("api")
    @classmethod
    def _is_a_root(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")) or set("?#@") & set(value):
            raise ValueError("the root of an API is an https address without query or credentials")
        return value  # which plain http the client refuses, but for archives on this machine


def load_sources(folders: Iterable[Path] = ()) -> dict[str, SourceDescription]:
    """Reads the sources shipped and those of `folders`; a later one replaces one of the same name.

    Raises:
        SourceFileError: Where a folder is not there, or a file in it is wrong.
    """
    found: dict[str, SourceDescription] = {}
    for folder in (SHIPPED, *folders):
        if not folder.is_dir():
            raise SourceFileError(f"there is no folder {folder} to read sources from.")
        found |= {path.stem: read_source(path) for path in sorted(folder.glob("*.toml"))}
    return found


def find_source(sources: Mapping[str, SourceDescription], source_id: str) -> SourceDescription:
    """The source of that name.

    Raises:
        UnknownSourceError: Where there is none; the message names those that exist.
    """
    if source_id not in sources:
        raise UnknownSourceError(f"no source '{source_id}'; there are: {', '.join(sorted(sources))}")
    return sources[source_id]


def read_source(path: Path) -> SourceDescription:
    """Reads one .toml; the file's name is the source's.

    Raises:
        SourceFileError: Where the file is wrong.
    """
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SourceFileError(f"{path.name} is not TOML: {error}") from error
    if "id" in document:
        raise SourceFileError(f"{path.name}: id: leave it out, the file's name is the source's.")
    try:
        return SourceDescription.model_validate({**document, "id": path.stem})
    except ValidationError as error:
        complaint = error.errors(include_url=False)[0]
        place = ": ".join(map(str, complaint["loc"]))
        raise SourceFileError(f"{path.name}: {place}: {complaint['msg']}.") from error
