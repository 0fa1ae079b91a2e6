"""A search of collections (STAC collection-search): by place, time and words of what describes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import shapely

from app.stac.scene_store import Holding
from app.stac.search import SearchError, box_shape
from mosaics.collection import Collection

MAX_TERMS = 20


@dataclass(frozen=True, slots=True)
class CollectionSearch:
    """Criteria of a search of collections; a criterion that is None is not applied."""

    place: shapely.Geometry | None = None
    """In degrees; matches extents that touch it."""
    first: datetime | None = None
    """The first moment, UTC."""
    last: datetime | None = None
    """The last moment, UTC."""
    terms: tuple[str, ...] = ()
    """Matches collections with any of them in id, title or description, whatever their case."""

    def among(self, collections: Sequence[Collection], held: Mapping[str, Holding]) -> list[Collection]:
        """Return those that match, in their order.

        Args:
            collections: To look at.
            held: What the index holds of each; without scenes a collection has no limits of place and time.
        """
        return [each for each in collections if self._names(each) and self._meets(held.get(each.id))]

    def _names(self, collection: Collection) -> bool:
        text = f"{collection.id}\n{collection.title}\n{collection.description}".casefold()
        return not self.terms or any(term in text for term in self.terms)

    def _meets(self, holding: Holding | None) -> bool:
        if holding is None or holding.bbox is None:
            return True
        if self.last is not None and holding.starts is not None and holding.starts > self.last:
            return False
        if self.first is not None and holding.last is not None and holding.last < self.first:
            return False
        return self.place is None or bool(shapely.intersects(self.place, box_shape(holding.bbox)))


def read_terms(text: str | None) -> tuple[str, ...]:
    """Read the terms of `q`, separated by commas; any of them is enough (free-text extension, basic).

    Raises:
        SearchError: If there are more than `MAX_TERMS`.
    """
    terms = tuple(term.strip().casefold() for term in (text or "").split(",") if term.strip())
    if len(terms) > MAX_TERMS:
        raise SearchError(f"q may have at most {MAX_TERMS} terms, not {len(terms)}")
    return terms


def read_box(text: str | None) -> shapely.Geometry | None:
    """Read a bbox of four or six numbers, separated by commas.

    Raises:
        SearchError: If it is not valid.
    """
    if text is None:
        return None
    try:
        return box_shape([float(number) for number in text.split(",")])
    except ValueError as error:
        if isinstance(error, SearchError):
            raise
        raise SearchError("bbox is not valid; give west,south,east,north in degrees") from error
