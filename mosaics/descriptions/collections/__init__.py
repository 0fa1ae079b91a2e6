"""The collections scenes can be landed in: one .toml each, here and in the folders a user adds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from mosaics.bits import Bit, BitField, all_set, any_set
from mosaics.collection import Band, Collection, Provider, UnknownCollectionError
from mosaics.descriptions.publishing import USUAL, Publishing
from mosaics.descriptions.toml_files import ReadFiles, read_folders, read_table

Table = TypeVar("Table", bound=BaseModel)

SHIPPED = Path(__file__).parent

HARMONISATIONS = ("sentinel-2",)
"""Rules that decide a scene's offset in place of the collection's own; see `ingest.encoding`."""


class CollectionFileError(ValueError):
    """A collection file that is wrong; the message names file and field and what would be right."""


class ClearRule(BaseModel):
    """Which pixels of a scene show the ground, by its quality band; others yield to another scene's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    band: str
    """The quality band."""
    reject: tuple[int, ...] = ()
    """Stored numbers of pixels that do not."""
    keep: tuple[int, ...] = ()
    """Stored numbers of pixels that do; all others do not."""
    reject_bits: tuple[Bit, ...] = ()
    """Bits, 0 the lowest, of which none may be set in the stored number."""
    keep_bits: tuple[Bit, ...] = ()
    """Bits, 0 the lowest, all of which must be set in the stored number."""
    field: BitField | None = None
    """Bits that are a number together, and which of its values do or do not."""

    @model_validator(mode="after")
    def _says_something(self) -> "ClearRule":
        kinds = ("reject", "keep", "reject_bits", "keep_bits", "field")
        if sum(bool(getattr(self, kind)) for kind in kinds) != 1:
            raise ValueError(
                "a rule has either reject or reject_bits, numbers or bits of the quality band "
                "(or one of keep, keep_bits, field)"
            )
        return self

    def keeps(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """Return where stored numbers of the quality band say that the ground is seen."""
        if self.reject_bits:
            return ~any_set(stored, self.reject_bits)
        if self.keep_bits:
            return all_set(stored, self.keep_bits)
        if self.field is not None:
            return ~self.field.rejects(stored)
        return np.isin(stored, self.keep) if self.keep else ~np.isin(stored, self.reject)


class Composition(BaseModel):
    """What the scenes of a collection are composited from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: str
    """Id of the collection whose scenes they are made of."""
    mask: ClearRule
    """Which pixels of those count, by their quality band."""
    also: tuple[ClearRule, ...] = ()
    """Rules by further quality bands; a pixel counts where all of them say so, too."""

    @property
    def rules(self) -> tuple[ClearRule, ...]:
        """All of them."""
        return (self.mask, *self.also)

    @property
    def effect(self) -> dict[str, Any]:
        """What decides about pixels; as it was before there were further rules, where there are none."""
        facts = self.mask.model_dump(mode="json")
        return facts | ({"also": [rule.model_dump(mode="json") for rule in self.also]} if self.also else {})


@dataclass(frozen=True, slots=True)
class CollectionDescription:
    """A collection, how its scenes are harmonised on landing, and which of their pixels are clear."""

    collection: Collection
    harmonisation: str | None = None
    clear: ClearRule | None = None
    composition: Composition | None = None
    """None where scenes come from elsewhere."""
    published: Publishing | None = None
    """As the collection's file says it; None where it does not."""
    superseded_by: str | None = None
    """Id of the collection whose scenes take the place of these, which are shown there until then."""

    @property
    def publishing(self) -> Publishing:
        """When something new can be expected in its archive: as its file says, or as is usual."""
        return self.published or USUAL[self.collection.cadence]


def load_collections(folder: Path | None = None) -> ReadFiles[CollectionDescription]:
    """Read the collections shipped and those of a folder, which replace shipped ones of the same id.

    A wrong file is left out; see `ReadFiles.left_out`.

    Raises:
        CollectionFileError: If the folder does not exist.
    """
    folders = (SHIPPED,) if folder is None else (SHIPPED, folder)
    return read_folders(folders, read_collection, CollectionFileError, "collections")


def find_collection(
    collections: Mapping[str, CollectionDescription], collection_id: str
) -> CollectionDescription:
    """Return the collection of that id.

    Raises:
        UnknownCollectionError: If there is none; the message names those that exist.
        CollectionFileError: If its file is wrong.
    """
    if collection_id not in collections:
        if isinstance(collections, ReadFiles) and collection_id in collections.left_out:
            reason = collections.left_out[collection_id].reason
            raise CollectionFileError(f"collection {collection_id!r} is left out: {reason}")
        raise UnknownCollectionError(collection_id, collections)
    return collections[collection_id]


def read_collection(path: Path) -> CollectionDescription:
    """Read one .toml; the file's name is the collection's id.

    Raises:
        CollectionFileError: If the file is wrong.
    """
    document = read_table(path, CollectionFileError)
    harmonisation = document.pop("harmonisation", None)
    clear = document.pop("clear", None)
    composition = document.pop("composite", None)
    publishing = document.pop("publishing", None)
    superseded_by = document.pop("superseded_by", None)
    if superseded_by is not None and not isinstance(superseded_by, str):
        raise CollectionFileError(f"{path.name}: superseded_by: give the id of a collection, as a text.")
    try:
        collection = Collection.model_validate({**document, "id": path.stem})
    except ValidationError as error:
        raise CollectionFileError(f"{path.name}: {_first_complaint(error, document)}") from error
    _check_harmonisation(path.name, harmonisation, collection)
    return CollectionDescription(
        collection,
        harmonisation,
        _read_clear(path.name, clear, collection),
        _read_table(path.name, "composite", composition, Composition),
        _read_table(path.name, "publishing", publishing, Publishing),
        superseded_by,
    )


def _read_clear(name: str, document: object, collection: Collection) -> ClearRule | None:
    if document is None:
        return None
    try:
        rule = ClearRule.model_validate(document)
    except ValidationError as error:
        raise CollectionFileError(f"{name}: clear: {error.errors()[0]['msg']}.") from error
    if rule.band not in [band.name for band in collection.bands if band.categorical]:
        raise CollectionFileError(
            f"{name}: clear: {rule.band!r} is not a categorical band of the collection."
        )
    return rule


def _read_table(name: str, field: str, document: object, model: type[Table]) -> Table | None:
    """Return a table of a collection file; None where there is none."""
    if document is None:
        return None
    try:
        return model.model_validate(document)
    except ValidationError as error:
        complaint = error.errors()[0]
        place = ": ".join(map(str, (field, *complaint["loc"])))
        raise CollectionFileError(f"{name}: {place}: {complaint['msg']}.") from error


def _check_harmonisation(name: str, harmonisation: object, collection: Collection) -> None:
    if harmonisation is None:
        return
    if harmonisation not in HARMONISATIONS:
        raise CollectionFileError(
            f"{name}: harmonisation: {harmonisation!r} is not a rule; there is: {', '.join(HARMONISATIONS)}."
        )
    for band in collection.bands:
        if not band.categorical and band.dtype != "uint16":
            raise CollectionFileError(
                f"{name}: bands: {band.name}: the sentinel-2 rule is about digital numbers of uint16, "
                f"not {band.dtype}."
            )


def _first_complaint(error: ValidationError, document: Mapping[str, Any]) -> str:
    complaint = error.errors(include_url=False)[0]
    place = _place(complaint["loc"], document)
    parts: dict[object, Any] = {"bands": Band, "providers": Provider}
    fields: type[BaseModel] = (
        parts.get(complaint["loc"][0], Collection) if len(complaint["loc"]) > 1 else Collection
    )
    match complaint["type"]:
        case "missing":
            return f"{place}: is missing."
        case "extra_forbidden":
            known = sorted(set(fields.model_fields) - {"id"})
            return f"{place}: is not a field of a collection file here; there are: {', '.join(known)}."
        case "value_error":
            return f"{place}: {complaint['ctx']['error']}."
        case _:
            return f"{place}: {complaint['msg']}, not {complaint['input']!r}."


def _place(location: tuple[int | str, ...], document: Mapping[str, Any]) -> str:
    """Return the field's name as a reader of the file would say it: `bands: red: dtype`."""
    parts: list[str] = []
    value: Any = document
    for step in location:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
            parts.append(step)
        else:
            value = value[step] if isinstance(value, list) else None
            named = value.get("name") if isinstance(value, dict) else None
            parts.append(str(named) if named else f"number {step + 1}")
    return ": ".join(parts)
