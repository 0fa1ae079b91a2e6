"""The commands of an order: which words of the command line do it, in which order."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.jobs.orders.request import CompositeRequest, IngestRequest, OrderRequest
from app.jobs.orders.sources import Source


@dataclass(frozen=True, slots=True)
class Step:
    """One command of an order."""

    name: str
    words: tuple[str, ...]


def fetches_first(request: OrderRequest) -> bool:
    """Whether scenes are fetched for a composite, which takes knowing their masks."""
    return isinstance(request, CompositeRequest) and isinstance(request.ingest, str)


def steps_of(request: OrderRequest, sources: Mapping[str, Source]) -> tuple[Step, ...]:
    """What is run one after the other; each can be run again and goes on where it was.

    Args:
        request: Complete: its sources are named.
        sources: The archives, by id; none are needed unless it `fetches_first`.
    """
    if isinstance(request, IngestRequest):
        return (_ingest(request, str(request.source), request.bands, mode=request.mode, clip=request.clip),)
    composite = Step(
        "composite",
        _words(
            "composite",
            request.collection,
            request,
            bands=",".join(request.bands),
            method=request.method,
        ),
    )
    if not isinstance(request.ingest, str):
        return (composite,)
    masks = sources[request.ingest].categorical if request.ingest in sources else ()
    bands = tuple(dict.fromkeys((*request.bands, *masks)))  # a composite leaves out clouds, by a mask
    return (_ingest(request, request.ingest, bands), composite)


def _ingest(
    request: OrderRequest, source: str, bands: tuple[str, ...], *, mode: str = "copy", clip: bool = False
) -> Step:
    given: dict[str, str] = {"limit": str(request.limit), "mode": mode}
    if bands:
        given["bands"] = ",".join(bands)
    if request.max_cloud is not None:
        given["max-cloud"] = f"{request.max_cloud:g}"
    words = _words("ingest", source, request, **given)
    return Step("ingest", (*words[:-2], "--clip", *words[-2:]) if clip else words)


def _words(command: str, subject: str, request: OrderRequest, **given: str) -> tuple[str, ...]:
    """A command with its options, each one word, and behind `--` what is no option whatever it looks like."""
    box = ",".join(f"{degrees:.12g}" for degrees in request.aoi)
    options = {"bbox": box, "datetime": request.toi, **given}
    return (
        command,
        "--json",
        *(f"--{name}={value}" for name, value in options.items()),
        "--",
        subject,
    )
