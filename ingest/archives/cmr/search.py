"""Searching the Common Metadata Repository: the collection looked up, granules page after page."""

import logging
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from ingest.archives.http import ArchiveClient, ArchiveError, Document, Request, shown
from mosaics.bbox import Bbox
from mosaics.descriptions.sources import GranuleSource
from mosaics.period import Interval, instant_text

logger = logging.getLogger(__name__)

PAGE_GRANULES = 500
"""The repository gives up to 2,000 on a page; one of Black Marble takes some 5 kB."""
MAX_GRANULES = 10_000
"""Of one search."""
MAX_PAGES = 1000
MAX_IDLE_PAGES = 3
"""Pages in a row without a granule that was not there before, after which a search ends."""
SEARCH_AFTER = "CMR-Search-After"
CURSOR = re.compile(r"[\x20-\x7e]{1,4096}")


@dataclass(frozen=True, slots=True)
class GranuleSearch:
    """What is asked of the repository."""

    root: str
    concept_id: str
    bbox: Bbox
    interval: Interval
    revised_since: datetime | None = None

    def request(self, cursor: str | None) -> Request:
        """Return the request for a page.

        Args:
            cursor: What the page before gave as `CMR-Search-After`; None for the first.
        """
        asked = {
            "collection_concept_id": self.concept_id,
            "bounding_box": ",".join(format(edge, ".12g") for edge in self.bbox.degrees),
            "temporal": ",".join(
                "" if moment is None else instant_text(moment)
                for moment in (self.interval.start, self.interval.end)
            ),
            "page_size": str(PAGE_GRANULES),
        }
        if self.revised_since is not None:
            asked["revision_date"] = f"{instant_text(self.revised_since)},"
        headers = {} if cursor is None else {SEARCH_AFTER: cursor}
        return Request(f"{self.root}/granules.umm_json?{urlencode(asked)}", headers=headers)


async def find_collection(client: ArchiveClient, source: GranuleSource) -> str:
    """Return the repository's id of a source's collection.

    Raises:
        ArchiveError: If the repository does not answer, or has not just one of that name and version.
    """
    asked = {"short_name": source.short_name, "version": source.version, "page_size": "10"}
    if source.provider is not None:
        asked["provider"] = source.provider
    request = Request(f"{source.api}/collections.umm_json?{urlencode(asked)}")
    found = {
        str(meta["concept-id"]): umm
        for meta, umm in _entries(await client.answer(request), request)
        if "concept-id" in meta and is_of(source, umm)
    }
    if len(found) != 1:
        said = f"has {len(found)}: {', '.join(sorted(found)[:5])}" if found else "does not have it"
        raise ArchiveError(
            f"the repository {said} of the name {source.short_name} and version {source.version}; "
            f"{source.id} can name one of them by concept_id."
        )
    return next(iter(found))


def is_of(source: GranuleSource, said: Mapping[str, Any]) -> bool:
    """Return whether a ShortName and Version are those of a source; "2" and "002" are one version."""
    version = str(said.get("Version", ""))
    return said.get("ShortName") == source.short_name and plain(version) == plain(source.version)


def plain(version: str) -> str:
    """Return a version without zeros in front."""
    return version.lstrip("0") or "0"


async def search_granules(
    client: ArchiveClient, search: GranuleSearch
) -> AsyncIterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield everything the repository lists for a search, page after page, in its order.

    A search ends with the first page that is empty or gives no `CMR-Search-After`; also with the third in a
    row that has nothing new, and where a cursor comes a second time.

    Yields:
        What the repository says of a granule (`meta`), and what its maker does (`umm`).

    Raises:
        ArchiveError: If the repository does not answer, or not with granules, or with more than 10,000.
    """
    cursor: str | None = None
    cursors: set[str] = set()
    seen: set[str] = set()
    count = idle = 0
    for _ in range(MAX_PAGES):
        request = search.request(cursor)
        answer = await client.answer(request)
        before = len(seen)
        entries = _entries(answer, request)
        for meta, umm in entries:
            count += 1
            if count > MAX_GRANULES:
                raise _too_much(f"{MAX_GRANULES} granules")
            seen.add(f"{meta.get('concept-id')} {meta.get('revision-id')}")
            yield meta, umm
        cursor = answer.headers.get(SEARCH_AFTER)
        if cursor is None or not entries:
            return
        idle = 0 if len(seen) > before else idle + 1
        if idle == MAX_IDLE_PAGES or cursor in cursors or not CURSOR.fullmatch(cursor):
            logger.warning("the archive gives pages without end at %s", shown(request.url))
            return
        cursors.add(cursor)
    raise _too_much(f"{MAX_PAGES} pages")


def _too_much(said: str) -> ArchiveError:
    return ArchiveError(
        f"the archive has more than {said} for this search; ask for a smaller area or a shorter time."
    )


def _entries(answer: Document, request: Request) -> Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return meta and umm of what an answer lists; an entry that has not both is left out.

    Raises:
        ArchiveError: If it does not list anything.
    """
    items = answer.content.get("items") if isinstance(answer.content, dict) else None
    if not isinstance(items, list):
        raise ArchiveError(f"the archive does not answer a list at {shown(request.url)}.")
    pairs = [(item.get("meta"), item.get("umm")) for item in items if isinstance(item, dict)]
    found = [(meta, umm) for meta, umm in pairs if isinstance(meta, dict) and isinstance(umm, dict)]
    if items and not found:
        raise ArchiveError(f"the archive does not list granules at {shown(request.url)}.")
    return found
