"""The catalogue of published indices, as spyndex has them: formulas, constants, references, ranges."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

FILE = Path(__file__).with_name("spyndex.json")
"""Written by `scripts/spectral-indices`."""


class UnknownIndexError(LookupError):
    """No index has this name in the catalogue; the message names those that are close."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ExpectedRange(_Entry):
    """The values that an index usually has."""

    low: float
    high: float
    basis: Literal["formula", "spectra"]
    """formula: a normalised difference of reflectances, which are not negative; spectra: least and greatest
    value over the 120 spectra of vegetation, town and water that spyndex ships."""


class Letter(_Entry):
    """A band as formulas of the catalogue write it."""

    title: str
    common_name: str


class Constant(_Entry):
    """A number that a formula names."""

    description: str
    default: float | None = None
    """None where it depends on the instrument or the place."""


class IndexEntry(_Entry):
    """A published index."""

    title: str
    domain: str
    """What it is used for: vegetation, water, burn, snow, soil, urban, clouds."""
    formula: str
    """As the catalogue writes it, with letters of bands and names of constants."""
    symbols: tuple[str, ...]
    """The letters and constants in it."""
    reference: str
    """The address of the publication."""
    expected: ExpectedRange | None = None


class IndexCatalogue(_Entry):
    """All of it."""

    source: str
    version: str
    license: str
    letters: Mapping[str, Letter]
    constants: Mapping[str, Constant]
    indices: Mapping[str, IndexEntry]

    def index(self, name: str) -> IndexEntry:
        """Return the index of that name.

        Raises:
            UnknownIndexError: If there is none.
        """
        if name in self.indices:
            return self.indices[name]
        folded = {each.casefold(): each for each in self.indices}
        close = get_close_matches(name.casefold(), folded, n=3)
        guess = f"; did you mean {' or '.join(folded[each] for each in close)}?" if close else ""
        raise UnknownIndexError(
            f"no index {name[:40]!r}{guess or ';'} /indices?collection=… lists the {len(self.indices)} of "
            f"{self.source}"
        )

    def facts(self, name: str) -> dict[str, Any]:
        """Return what is shown of an index beside its values."""
        entry = self.index(name)
        return {
            "name": name,
            "title": entry.title,
            "formula": entry.formula,
            "reference": entry.reference,
            "expected": None if entry.expected is None else entry.expected.model_dump(),
            "source": f"{self.source} {self.version}",
        }


@lru_cache(maxsize=1)
def catalogue() -> IndexCatalogue:
    """Return the catalogue, read once."""
    return IndexCatalogue.model_validate(json.loads(FILE.read_bytes()))
