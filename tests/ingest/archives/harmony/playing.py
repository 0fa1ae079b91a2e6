"""Harmony, played: a repository of granules, services, and jobs that go through the states a test gives.

Its answers have the form of NASA's: capabilities and granules as recorded, jobs as Harmony's source builds
them (constructed, not recorded). Files are SYNTHETIC, or those of a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from pydantic import SecretStr

from ingest.archives.credentials import bearer_tokens
from ingest.archives.http import ArchiveClient
from ingest.tempo import Scan
from mosaics.period import Interval, instant_text, parse_instant
from tests.ingest.archives.server import Answer, ArchiveServer, Asked, Handler, document, file

TOKEN = "token-of-this-test"
HOSS: Mapping[str, Any] = {
    "name": "sds/HOSS-geographic",
    "href": "https://cmr.earthdata.nasa.gov/search/concepts/S2164732315-XYZ_PROV",
    "capabilities": {
        "concatenation": False,
        "subsetting": {"bbox": True, "variable": True, "temporal": True, "shape": True, "dimension": True},
        "output_formats": ["application/netcdf"],
        "reprojection": False,
    },
}
MESSAGES = {
    "accepted": "The job has been accepted and is waiting to be processed",
    "running": "The job is being processed",
    "running_with_errors": "The job is being processed, but some items have failed processing",
    "previewing": "The job is generating a preview before auto-pausing",
    "paused": "The job is paused and may be resumed using the provided link",
    "successful": "The job has completed successfully",
    "complete_with_errors": "The job has completed with errors. See the errors field for more details",
    "failed": "WorkItem failed: error text",
    "canceled": "The job was canceled",
}
WITH_ERRORS = frozenset({"running_with_errors", "complete_with_errors", "failed"})
NUDGED = {"paused": "resume", "previewing": "skip-preview"}


@dataclass
class Job:
    """Work of the played service."""

    granule_id: str
    states: list[str]
    """Each is answered once, the last for ever; but for those in NUDGED, which wait for their nudge."""
    files: list[str]
    """Paths at the server."""

    @property
    def state(self) -> str:
        return self.states[0]

    def go_on(self) -> None:
        if len(self.states) > 1:
            self.states.pop(0)


@dataclass
class Harmony:
    """A repository and Harmony at one server, and a store elsewhere, which it redirects to.

    Args:
        server: Is the repository and Harmony.
        store: Another origin, where what jobs make lies.
        collection: Concept id, short name and version.
        variables: As they stand in the address of an order.
    """

    server: ArchiveServer
    store: ArchiveServer
    collection: tuple[str, str, str]
    variables: str
    token: str = TOKEN
    states: list[str] = field(default_factory=lambda: ["accepted", "running", "successful"])
    """That the next jobs go through."""
    is_stuck: bool = False
    """Whether no job gets on, nudged or not."""
    has_data: bool = True
    page: int = 100
    """Links of a page."""
    refusals: list[Answer] = field(default_factory=list)
    """Answers to the next orders, in place of a job."""
    expires: str = "2126-12-20T18:00:00.000Z"
    services: list[Mapping[str, Any]] = field(default_factory=lambda: [HOSS])
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """By granule: name and bytes of the part."""
    jobs: dict[str, Job] = field(default_factory=dict)

    def __post_init__(self) -> None:
        routes = self.server.routes
        routes["/search/granules.umm_json"] = self._granules
        routes["/search/collections.umm_json"] = self._collections
        routes["/capabilities"] = self.guarded(self._capabilities)
        routes[self.order_path] = self.guarded(self._order)

    @property
    def order_path(self) -> str:
        root = f"/{self.collection[0]}/ogc-api-coverages/1.0.0/collections"
        return f"{root}/{self.variables}/coverage/rangeset"

    def orders(self) -> list[dict[str, list[str]]]:
        """What was asked of Harmony, order by order."""
        return [parse_qs(asked.query) for asked in self.server.of(self.order_path)]

    def asked(self, action: str) -> list[str]:
        """The addresses at which jobs were told something."""
        return [asked.path for asked in self.server.asked if asked.path.endswith(f"/{action}")]

    def publish(self, name: str, content: bytes, *, granule_id: str, revised: str = "") -> None:
        """Let there be a scan, of which jobs make a part with this content."""
        start = Scan.parse(name).start
        self.entries[granule_id] = self.entry(name, granule_id, instant_text(start), revised)
        self.made[granule_id] = (f"{name.removesuffix('.nc')}_subsetted.nc4", content)

    def entry(self, name: str, granule_id: str, start: str, revised: str) -> dict[str, Any]:
        """A granule as the repository lists it (UMM-G 1.6)."""
        concept, short_name, version = self.collection
        moment = parse_instant(start)
        end = instant_text(moment.replace(hour=moment.hour, minute=59, second=59))
        corners = [(-168, 73), (-168, 14), (-13, 14), (-13, 73), (-168, 73)]
        points = [{"Longitude": lon, "Latitude": lat} for lon, lat in corners]
        produced = revised or instant_text(moment.replace(hour=23))
        return {
            "meta": {
                "concept-id": granule_id,
                "collection-concept-id": concept,
                "revision-id": 1,
                "provider-id": "LARC_CLOUD",
                "revision-date": produced,
            },
            "umm": {
                "GranuleUR": name,
                "TemporalExtent": {"RangeDateTime": {"BeginningDateTime": start, "EndingDateTime": end}},
                "CollectionReference": {"ShortName": short_name, "Version": version},
                "SpatialExtent": {
                    "HorizontalSpatialDomain": {"Geometry": {"GPolygons": [{"Boundary": {"Points": points}}]}}
                },
                "RelatedUrls": [
                    {"URL": f"s3://asdc-prod-protected/TEMPO/{name}", "Type": "GET DATA VIA DIRECT ACCESS"},
                    {"URL": f"{self.server.url}/asdc-prod-protected/TEMPO/{name}", "Type": "GET DATA"},
                    {
                        "URL": f"{self.server.url}/opendap/{name}",
                        "Type": "USE SERVICE API",
                        "Subtype": "OPENDAP DATA",
                    },
                ],
                "DataGranule": {
                    "Identifiers": [{"Identifier": name, "IdentifierType": "ProducerGranuleId"}],
                    "ProductionDateTime": produced,
                    "ArchiveAndDistributionInformation": [{"Name": name, "SizeInBytes": 900_000_000}],
                },
                "Platforms": [{"ShortName": "INTELSAT 40e"}],
            },
        }

    def guarded(self, handler: Handler) -> Handler:
        def answer(asked: Asked) -> Answer:
            allowed = asked.headers.get("authorization") == f"Bearer {self.token}"
            return handler(asked) if allowed else Answer(401, b"Unauthorized")

        return answer

    def _collections(self, asked: Asked) -> Answer:
        concept, short_name, version = self.collection
        umm = {"ShortName": short_name, "Version": version}
        return document({"hits": 1, "items": [{"meta": {"concept-id": concept}, "umm": umm}]})

    def _granules(self, asked: Asked) -> Answer:
        interval = Interval.parse(parse_qs(asked.query)["temporal"][0].replace(",", "/"))
        found = []
        for entry in self.entries.values():
            said = entry["umm"]["TemporalExtent"]["RangeDateTime"]
            if interval.overlaps(
                *(parse_instant(said[f"{side}DateTime"]) for side in ("Beginning", "Ending"))
            ):
                found.append(entry)
        return document({"hits": len(found), "items": found})

    def _capabilities(self, asked: Asked) -> Answer:
        assert parse_qs(asked.query) == {"collectionId": [self.collection[0]], "version": ["2"]}
        return document(
            {
                "conceptId": self.collection[0],
                "shortName": self.collection[1],
                "variableSubset": True,
                "bboxSubset": True,
                "outputFormats": ["application/netcdf", "image/tiff", "image/png"],
                "services": self.services,
                "capabilitiesVersion": "2",
            }
        )

    def _order(self, asked: Asked) -> Answer:
        if self.refusals:
            return self.refusals.pop(0)
        query = parse_qs(asked.query)
        (granule_id,) = query["granuleId"]
        assert not any(each.startswith("time") for each in query.get("subset", []))
        number = f"{len(self.jobs) + 1:08d}-2222-3333-4444-555555555555"
        name, content = self.made.get(granule_id, ("lost", b""))
        is_lost = granule_id not in self.made
        path = f"/service-results/harmony-prod-staging/public/{number}/1/{name}"
        states = ["running", "failed"] if is_lost else list(self.states)
        self.jobs[number] = Job(granule_id, states, [path] if self.has_data and not is_lost else [])
        routes = self.server.routes
        routes[f"/jobs/{number}"] = self.guarded(lambda asked: self._job(number, asked))
        for state, action in NUDGED.items():
            routes[f"/jobs/{number}/{action}"] = self.guarded(self._nudging(number, state))
        routes[path] = self.guarded(
            lambda _: Answer(307, b"", {"location": f"{self.store.url}{path}?X-Amz-Signature=1"})
        )
        self.store.routes[path] = file(content)
        return Answer(303, b"", {"location": f"/jobs/{number}"})

    def _nudging(self, number: str, state: str) -> Handler:
        def nudge(asked: Asked) -> Answer:
            if self.jobs[number].state != state:
                said = {
                    "code": "harmony.ConflictError",
                    "description": "Error: Job status is not right for it",
                }
                return document(said, 409)
            if not self.is_stuck:
                self.jobs[number].go_on()
            return document(self._said(number))

        return nudge

    def _job(self, number: str, asked: Asked) -> Answer:
        page = int(parse_qs(asked.query).get("page", ["1"])[0])
        said = self._said(number, page)
        if not self.is_stuck and self.jobs[number].state not in NUDGED:
            self.jobs[number].go_on()
        return document(said)

    def _said(self, number: str, page: int = 1) -> dict[str, Any]:
        job = self.jobs[number]
        base = f"{self.server.url}/jobs/{number}"
        links: list[dict[str, Any]] = []
        if job.state in {"successful", "complete_with_errors"}:
            links.append({"title": "STAC catalog", "href": f"{base}/stac", "rel": "stac-catalog-json"})
            links += [
                {"href": f"{self.server.url}{path}", "type": "application/x-netcdf4", "rel": "data"}
                for path in job.files
            ]
        first = (page - 1) * self.page
        shown = links[first : first + self.page]
        if len(links) > first + self.page:
            shown.append(
                {"title": "The next page", "href": f"{base}?page={page + 1}&limit={self.page}", "rel": "next"}
            )
        shown.append({"title": "The current page", "href": f"{base}?page={page}", "rel": "self"})
        errors = [{"url": "https://opendap.earthdata.nasa.gov/G", "message": "WorkItem failed: error text"}]
        message = MESSAGES.get(job.state, job.state)
        if job.state == "successful" and not job.files:
            message = (
                "WorkItem warned: Temporal range request outside supported dimension range for {'/time'}"
            )
        return {
            "status": job.state,
            "message": message,
            "progress": 100 if job.state in {"successful", "complete_with_errors"} else 50,
            "dataExpiration": self.expires,
            "jobID": number,
            "links": shown,
            **({"errors": errors} if job.state in WITH_ERRORS else {}),
        }


def client_of(harmony: Harmony, **given: Any) -> ArchiveClient:
    """A client that has the token, for Harmony alone."""
    credentials = bearer_tokens({harmony.server.url: SecretStr(harmony.token)})
    return ArchiveClient(credentials=credentials, local_http=True, **given)
