"""What Harmony can do for a collection, asked live, and the order for a part of one granule.

An order names its granule, a box and variables, and never a time: Harmony's services compare a time with the
one number of a file's `time`, which is 18 s late for TEMPO, and find no data that exist.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from ingest.archives.http import ArchiveClient, ArchiveError, Request, shown
from mosaics.bbox import Bbox

MEDIA_TYPES: Mapping[str, tuple[str, ...]] = {
    "netcdf": ("application/netcdf", "application/x-netcdf4"),
    "geotiff": ("image/tiff",),
}
"""What a service may call each format of ours."""


@dataclass(frozen=True, slots=True)
class Service:
    """A chain of Harmony's for a collection."""

    name: str
    cuts_boxes: bool
    cuts_variables: bool
    formats: tuple[str, ...]

    @classmethod
    def read(cls, said: Any) -> "Service":
        """Read an entry of `services`; what it does not say, it cannot."""
        facts = said if isinstance(said, Mapping) else {}
        able = facts.get("capabilities")
        able = able if isinstance(able, Mapping) else {}
        cuts = able.get("subsetting")
        cuts = cuts if isinstance(cuts, Mapping) else {}
        formats = able.get("output_formats")
        return cls(
            name=str(facts.get("name", "a service without name"))[:100],
            cuts_boxes=cuts.get("bbox") is True,
            cuts_variables=cuts.get("variable") is True,
            formats=tuple(map(str, formats)) if isinstance(formats, list) else (),
        )

    def media_type(self, wanted: str) -> str | None:
        """Return its word for a format of ours; None where it does not make it."""
        return next((each for each in MEDIA_TYPES[wanted] if each in self.formats), None)


async def read_services(client: ArchiveClient, root: str, concept_id: str) -> tuple[Service, ...]:
    """Ask what Harmony can do for a collection.

    The services are told one by one: what the answer says for all of them together, no single one may do.

    Raises:
        ArchiveError: If Harmony does not answer.
    """
    asked = urlencode({"collectionId": concept_id, "version": "2"})
    request = Request(f"{root}/capabilities?{asked}")
    content = await client.document(request)
    found = content.get("services") if isinstance(content, dict) else None
    if not isinstance(found, list):
        raise ArchiveError(f"Harmony does not answer with services at {shown(request.url)}.")
    return tuple(map(Service.read, found))


def choose_media_type(services: Iterable[Service], wanted: str, *, box: bool, variables: bool) -> str:
    """Return the format to be asked for, as the first service calls it that does all that is wanted.

    Args:
        services: Of the collection.
        wanted: A format of ours.
        box: Whether a box is to be cut out.
        variables: Whether single variables are.

    Raises:
        ArchiveError: If not one service does it all; the message says what each of them can do.
    """
    known = tuple(services)
    for service in known:
        media_type = service.media_type(wanted)
        if media_type is not None and service.cuts_boxes >= box and service.cuts_variables >= variables:
            return media_type
    parts = [*(["a box"] if box else []), *(["variables"] if variables else [])]
    said = "; ".join(_abilities(service) for service in known) or "there are no services for it"
    raise ArchiveError(
        f"not one of Harmony's services cuts out {' and '.join(parts) or 'anything'} as "
        f"{MEDIA_TYPES[wanted][0]}: {said}"
    )


def _abilities(service: Service) -> str:
    able = [*(["boxes"] if service.cuts_boxes else []), *(["variables"] if service.cuts_variables else [])]
    return (
        f"{service.name} cuts {' and '.join(able) or 'nothing'}, as {', '.join(service.formats) or 'nothing'}"
    )


@dataclass(frozen=True, slots=True)
class PartOrder:
    """What of one granule is ordered."""

    concept_id: str
    """Of the collection."""
    granule_id: str
    variables: tuple[str, ...]
    """By their paths in the file; empty for all."""
    box: Bbox | None
    media_type: str

    def url(self, root: str) -> str:
        """Return the address that orders it (OGC API Coverages 1.0.0)."""
        asked = [("granuleId", self.granule_id), ("format", self.media_type)]
        if self.box is not None:
            west, south, east, north = (format(edge, ".12g") for edge in self.box.degrees)
            asked += [("subset", f"lat({south}:{north})"), ("subset", f"lon({west}:{east})")]
        asked += [("forceAsync", "true"), ("skipPreview", "true")]
        variables = ",".join(quote(variable, safe="") for variable in self.variables) or "all"
        collection = quote(self.concept_id, safe="")
        return (
            f"{root}/{collection}/ogc-api-coverages/1.0.0/collections/{variables}/coverage/rangeset"
            f"?{urlencode(asked)}"
        )
