"""Parsing regions: turns JSON into regions, and reports every fault with its line and a remedy."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.products.product import Product
from app.products.registry import Registry, UnknownProductError
from app.regions.json_lines import Located
from app.regions.region import Region
from mosaics.descriptions.sources import SourceDescription

MAX_BYTES = 1024 * 1024
"""Limit of a file; a thousand regions take a quarter of this."""

MAX_REGIONS = 500
"""Limit of a file; at two a night, this many are refreshed in eight months."""

FORM = 'a regions file must be a list: [{"name": "sierra", "bbox": [-121.5, 38.0, -119.0, 40.0]}]'

EARLIER_KEYS = {"fire_mask_path": "fire_mask, the name of the collection the raster was landed in"}
"""Keys of such files in a service this one replaces, and their replacements."""


class RegionsFileError(ValueError):
    """A file that is not a list of regions; the message says what would be right."""

    def __init__(self, line: int | None, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class RegionFault:
    """A fault in a file or in one of its regions."""

    line: int | None
    """Counted from 1; None if the file cannot be read."""
    region: str | None
    """None if it has no name, or if the fault concerns the whole file."""
    message: str
    """What is wrong and what would be right."""

    @property
    def text(self) -> str:
        """The fault in words, with its place."""
        where = [f"line {self.line}" if self.line else "", f"region {self.region!r}" if self.region else ""]
        return ": ".join(filter(None, [", ".join(filter(None, where)), self.message]))


@dataclass(frozen=True, slots=True)
class RegionListing:
    """The regions, in the order of the file."""

    regions: tuple[Region, ...] = ()
    problems: tuple[RegionFault, ...] = ()
    is_current: bool = True
    """Whether they are the file's present content; false while that is invalid."""

    def find(self, name: str) -> Region | None:
        """Return the region with a name; None if there is none."""
        return next((region for region in self.regions if region.name == name), None)


def read_regions(
    content: bytes, registry: Registry, sources: Mapping[str, SourceDescription]
) -> RegionListing:
    """Return the regions a file describes, and the faults of the others.

    Raises:
        RegionsFileError: If the content is not a list of regions.
    """
    found: dict[str, tuple[Region, int]] = {}
    problems: list[RegionFault] = []
    for entry in _entries(content):
        name, region, wrong = _read_region(entry)
        if region is not None and region.name in found:
            first = found[region.name][1]
            wrong = [(entry.line, f"line {first} has a region of the same name; give this one another name")]
        elif region is not None:
            if unusable := _unusable(region, registry, sources):
                key, message = unusable
                wrong = [(_lines(entry).get(key, entry.line), f"{key}: {message}")]
            else:
                found[region.name] = (region, entry.line)
        problems += [RegionFault(line, name, message) for line, message in wrong]
    return RegionListing(tuple(region for region, _ in found.values()), tuple(problems))


def _entries(content: bytes) -> list[Located]:
    if len(content) > MAX_BYTES:
        raise RegionsFileError(1, f"it has more than {MAX_BYTES:,} bytes, the limit")
    try:
        document = Located.whole(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RegionsFileError(line, "it is not UTF-8; save it as UTF-8") from error
    except json.JSONDecodeError as error:
        raise RegionsFileError(
            error.lineno, f"it is not valid JSON: {error.msg}, column {error.colno}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise RegionsFileError(
            1, "it is nested too deeply, or contains a number with thousands of digits"
        ) from error
    if isinstance(document.value, dict) and list(document.value) == ["regions"]:
        (_, document), *_ = document.members()
    if not isinstance(document.value, list):
        raise RegionsFileError(document.line, FORM)
    if len(document.value) > MAX_REGIONS:
        raise RegionsFileError(
            document.line, f"it has {len(document.value)} regions; at most {MAX_REGIONS} are allowed"
        )
    return list(document.elements())


def _read_region(entry: Located) -> tuple[str | None, Region | None, list[tuple[int, str]]]:
    """Return the name, the region if it is valid, and its faults by line."""
    if not isinstance(entry.value, dict):
        return None, None, [(entry.line, f"this is not a region; {FORM}")]
    name = entry.value.get("name")
    shown = name[:64] if isinstance(name, str) else None
    keys = [key for key, _ in entry.members()]
    for at, (key, value) in enumerate(entry.members()):
        if key in keys[:at]:
            return shown, None, [(value.line, f"{key}: it is given twice; keep one of them")]
    try:
        return shown, Region.model_validate(entry.value), []
    except ValidationError as error:
        lines = _lines(entry)
        wrong = [_explain(details, lines, entry.line) for details in error.errors(include_url=False)]
        return shown, None, list(dict.fromkeys(wrong))


def _lines(entry: Located) -> dict[str, int]:
    return {key: value.line for key, value in entry.members()}


def _explain(details: ErrorDetails, lines: Mapping[str, int], line: int) -> tuple[int, str]:
    key = str(details["loc"][0] if details["loc"] else details.get("ctx", {}).get("key", ""))
    line = lines.get(key, line)
    if details["type"] == "extra_forbidden":
        return line, f"{key[:64]}: {_unknown_key(key)}"
    if details["type"] == "region":
        return line, f"{key}: {details['msg']}"
    if details["type"] == "value_error":
        return line, f"{key}: {details['ctx']['error']}"
    meaning = Region.model_fields[key].description or ""
    if details["type"] == "missing" and len(details["loc"]) == 1:
        return line, f"{key}: it is missing; {meaning}"
    message = "it has too few numbers" if details["type"] == "missing" else details["msg"]
    return line, f"{key}: {message[:1].lower()}{message[1:]}, not {details['input']!r:.80}; {meaning}"


def _unknown_key(key: str) -> str:
    if key in EARLIER_KEYS:
        return f"this key is no longer used; give {EARLIER_KEYS[key]}"
    keys = list(Region.model_fields)
    return f"this is not a valid key; {_guess(key, keys)}"


def _unusable(
    region: Region, registry: Registry, sources: Mapping[str, SourceDescription]
) -> tuple[str, str] | None:
    """Return why a region with valid values still cannot be refreshed and shown, and the key at fault."""
    try:
        product = registry.get(region.product)
    except UnknownProductError as error:
        return "product", str(error)
    if not _compares(product):
        there_are = ", ".join(each.id for each in registry.all() if _compares(each)) or "none"
        return "product", f"{product.id!r} does not have the windows pre and post; these do: {there_are}"
    if region.fire_mask is not None and region.fire_mask not in product.zone_rules:
        there_are = ", ".join(product.zone_rules) or "none"
        return "fire_mask", (
            f"{product.id!r} has no mask from a collection {region.fire_mask!r}; it has: {there_are}. A "
            "product file of your own may add it: [[mask]] with its collection"
        )
    return _unfit_source(region, product, sources)


def _unfit_source(
    region: Region, product: Product, sources: Mapping[str, SourceDescription]
) -> tuple[str, str] | None:
    source = sources.get(region.source)
    if source is None:
        known = sorted(sources)
        return "source", f"{region.source[:80]!r} is not a known source; {_guess(region.source, known)}"
    if source.collection != product.collection:
        return "source", (
            f"{region.source!r} lands in {source.collection!r}, but the product {product.id!r} reads "
            f"{product.collection!r}; choose a matching source or product"
        )
    return None


def _compares(product: Product) -> bool:
    return {"pre", "post"} <= product.roles.keys()


def _guess(word: str, known: Collection[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return (f"did you mean {close[0]}? " if close else "") + f"there are: {', '.join(known)}"
