"""The commands of an order: which words of the command line do it, in which order."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.jobs.request import IngestRequest, OrderRequest
from mosaics.descriptions.folders import Descriptions


@dataclass(frozen=True, slots=True)
class CommandStep:
    """One command of an order."""

    name: str
    words: tuple[str, ...]


def steps_of(request: OrderRequest, descriptions: Descriptions) -> tuple[CommandStep, ...]:
    """Return what is run one after the other; each can be run again and goes on where it was.

    Args:
        request: Complete: its sources are named.
        descriptions: The sources and collections, which tell the masks of scenes fetched for a composite.
    """
    if isinstance(request, IngestRequest):
        return (_ingest(request, str(request.source), request.bands, mode=request.mode, clip=request.clip),)
    options = [f"--bands={','.join(request.bands)}", f"--method={request.method}"]
    composite = _step("composite", request.collection, request, options)
    if not isinstance(request.ingest, str):
        return (composite,)
    source = descriptions.sources.get(request.ingest)
    masks = () if source is None else descriptions.categorical_bands(source)
    bands = tuple(dict.fromkeys((*request.bands, *masks)))  # a composite leaves out clouds, by a mask
    return (_ingest(request, request.ingest, bands), composite)


def _ingest(
    request: OrderRequest, source: str, bands: tuple[str, ...], *, mode: str = "copy", clip: bool = False
) -> CommandStep:
    options = [f"--limit={request.limit}", f"--mode={mode}"]
    if bands:
        options.append(f"--bands={','.join(bands)}")
    if request.max_cloud is not None:
        options.append(f"--max-cloud={request.max_cloud:g}")
    if clip:
        options.append("--clip")
    return _step("ingest", source, request, options)


def _step(command: str, subject: str, request: OrderRequest, options: Sequence[str]) -> CommandStep:
    """A command with its options, each one word, and behind `--` what is no option whatever it looks like."""
    asked = (f"--bbox={request.aoi:.12g}", f"--datetime={request.toi}")
    return CommandStep(command, (command, "--json", *asked, *options, "--", subject))
