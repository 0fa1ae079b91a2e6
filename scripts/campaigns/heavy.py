"""Heavy requests: large bodies, costly searches, pictures of the globe, while others are served."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from scripts.campaigns.load import Load, client_of, recorded
from scripts.campaigns.row import Row
from scripts.campaigns.services import Served, Services, tilewatch

LASTING_S = 15.0
AFTER_S = 5.0
AREAS = "/areas?limit=5"
OTHERS = (AREAS, AREAS, "/healthz", "/products")
"""Asked beside tiles; not searches, whose share the attack has."""

Ask = Callable[[httpx.Client, int], httpx.Response]


@dataclass(frozen=True, slots=True)
class Attack:
    """What is asked, by how many at once."""

    name: str
    ask: Ask
    at_once: int


def _bodies(client: httpx.Client, number: int) -> httpx.Response:
    """Send 16 MB of empty lists, or of pairs."""
    content = (b"[" + b"[]," * 5_500_000 + b"0]", b"[" + b"[0,0]," * 2_700_000 + b"0]")[number % 2]
    return client.post(
        "/products/ndvi/statistics", content=content, headers={"Content-Type": "application/geo+json"}
    )


def _fields(client: httpx.Client, number: int) -> httpx.Response:
    """Search with as many names to leave out as a body holds."""
    names = [f"properties.a{n}.{number}" for n in range(1200)]
    return client.post("/stac/search", json={"fields": {"include": names, "exclude": names}, "limit": 1000})


def _searches(client: httpx.Client, number: int) -> httpx.Response:
    """Search by a ring of 9,000 positions and by texts that no index helps with."""
    ring = [[-179.9 + n * 359.8 / 9000, -80 if n % 2 else 80] for n in range(9000)]
    place = {"type": "LineString", "coordinates": ring}
    query = {"platform": {"contains": f"{number}"}, "title": {"endsWith": "x"}}
    return client.post("/stac/search", json={"intersects": place, "query": query, "limit": 1000})


def _globe(client: httpx.Client, number: int) -> httpx.Response:
    """Ask for a picture of the globe in a system that is not that of any scene."""
    system = ("EPSG:3031", "EPSG:5514", "EPSG:3857", "EPSG:2193")[number % 4]
    product = ("ndvi", "nightlights")[number % 2]
    return client.get(f"/products/{product}/bbox/-180,-90,180,90.png?dst_crs={system}&max_size=2048")


ATTACKS = (
    Attack("bodies of 16 MB of empty lists", _bodies, 4),
    Attack("STAC fields of 1,200 names, twice", _fields, 16),
    Attack("heavy STAC searches", _searches, 16),
    Attack("pictures of the globe", _globe, 4),
)


def scenarios(used: Services, store: Path) -> Iterator[Row]:
    """Yield a row of each attack; tiles are computed, and areas asked for."""
    settings = {**used.settings, "TILEWATCH_CACHE_BYTES": "0", "TILEWATCH_JOBS_EVERY_S": "1"}
    with (
        tilewatch(store.as_uri(), used.folder, settings, workers=2) as served,
        client_of(served) as client,
    ):
        before = recorded(client)
        for attack in ATTACKS:
            yield _attacked(served, attack, before)


def _attacked(served: Served, attack: Attack, before: dict[str, str]) -> Row:
    statuses: Counter[str] = Counter()
    slowest_s: list[float] = [0.0]
    with Load(served, before, OTHERS) as load:
        time.sleep(2)
        until = time.monotonic() + LASTING_S
        attackers = [
            threading.Thread(
                target=_ask, args=(served, attack, number, until), kwargs={"told": (statuses, slowest_s)}
            )
            for number in range(attack.at_once)
        ]
        for thread in attackers:
            thread.start()
        for thread in attackers:
            thread.join()
        ended = time.monotonic()
        time.sleep(AFTER_S)
    told = load.told
    answers = ", ".join(f"{count} of {status}" for status, count in sorted(statuses.items()))
    slowest_areas_s = max(told.took_s.get(AREAS) or [0.0])
    remarks = (
        f"{attack.at_once} at once were answered {answers}, the slowest after {slowest_s[0]:.1f} s; areas: "
        f"median {told.median_s(AREAS):.2f} s, slowest {slowest_areas_s:.1f} s; {told.kinds or 'none failed'}"
    )
    return Row(
        attack.name, told.requests, told.wrong, len(told.failures), recovered_s=told.recovered_s(ended),
        memory_mb=load.peak_mb, remarks=remarks,
    )  # fmt: skip


def _ask(
    served: Served, attack: Attack, number: int, until: float, *, told: tuple[Counter[str], list[float]]
) -> None:
    statuses, slowest_s = told
    with httpx.Client(base_url=served.address, timeout=90) as client:
        while time.monotonic() < until:
            began = time.monotonic()
            try:
                status = str(attack.ask(client, number).status_code)
            except httpx.TransportError as error:
                status = type(error).__name__
            statuses[status] += 1
            slowest_s[0] = max(slowest_s[0], time.monotonic() - began)
            number += 1
            time.sleep(0.05)


STRANGERS: Sequence[dict[str, str]] = (
    {},
    {"X-Forwarded-For": "203.0.113.5"},
    {"Forwarded": "for=203.0.113.5"},
    {"Via": "1.1 proxy"},
    {"X-Real-IP": "203.0.113.5"},
    {"CF-Connecting-IP": "203.0.113.5"},
    {"Host": "maps.example"},
    {"Host": "localhost:9"},
    {"Host": "[::1"},
    {"Origin": "https://maps.example"},
    {"Referer": "https://maps.example/x"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Connection": "close"},
    {"X-Unheard-Of": "1"},
    {"Authorization": "Bearer stranger"},
    {"X-API-Key": "stranger"},
)
"""What a request to write may carry that no program on this machine would send; the first carries nothing."""


def keyless(used: Services, store: Path) -> Iterator[Row]:
    """Yield rows of writing without a key: where nothing allows it, and where this machine may."""
    for allowed in (False, True):
        settings = {**used.settings, "TILEWATCH_KEYLESS_WRITES": str(allowed).lower()}
        with tilewatch(store.as_uri(), used.folder, settings) as served, client_of(served) as client:
            written = [headers for headers in STRANGERS if _writes(client, headers)]
        own = {} in written
        taken = [headers for headers in written if headers or not allowed]
        where = "allowed for programs on this machine" if allowed else "not allowed"
        remarks = f"strangers that wrote: {', '.join(map(json.dumps, taken)) or 'none'}"
        remarks += f"; a program on this machine {'may' if own else 'may not'} write"
        yield Row(f"writing without a key, {where}", len(STRANGERS), 0, len(taken), remarks=remarks)


def _writes(client: httpx.Client, headers: dict[str, str]) -> bool:
    """Try to register an area; return whether it was taken."""
    polygon = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    area = {"type": "Feature", "geometry": polygon, "properties": {"name": "stranger's"}}
    try:
        return client.post("/areas", json=area, headers=headers).status_code == httpx.codes.CREATED
    except httpx.TransportError:
        return False
