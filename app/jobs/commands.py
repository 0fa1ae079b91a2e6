"""The commands of a job: the command lines that do it, in order."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.jobs.model_runs import ModelRunRequest
from app.jobs.request import IngestRequest, JobRequest, LandingRequest
from mosaics.descriptions.folders import Descriptions
from mosaics.period import instant_text


@dataclass(frozen=True, slots=True)
class CommandStep:
    """One command of a job."""

    name: str
    words: tuple[str, ...]
    wants_database: bool = False
    """Whether it is given the address of the database."""


def steps_of(request: JobRequest, descriptions: Descriptions) -> tuple[CommandStep, ...]:
    """Return the commands to run one after another; each can be repeated and continues where it was.

    Args:
        request: A complete request, with its sources named.
        descriptions: The sources and collections, which name the masks of scenes to fetch for a composite.
    """
    if isinstance(request, ModelRunRequest):
        return (CommandStep("models", request.words),)
    if not isinstance(request, LandingRequest):
        return (CommandStep("analyze", request.words, wants_database=True),)
    if isinstance(request, IngestRequest):
        since = request.revised_since
        more = [
            *([] if request.clip is None else ["--clip" if request.clip else "--no-clip"]),
            *([] if since is None else [f"--revised-since={instant_text(since)}"]),
        ]
        return (_ingest(request, str(request.source), request.bands, mode=request.mode, more=more),)
    options = [f"--bands={','.join(request.bands)}", f"--method={request.method}"]
    composite = _step("composite", request.collection, request, options)
    if not isinstance(request.ingest, str):
        return (composite,)
    source = descriptions.sources.get(request.ingest)
    masks = () if source is None else descriptions.categorical_bands(source)
    bands = tuple(dict.fromkeys((*request.bands, *masks)))  # a composite masks clouds
    return (_ingest(request, request.ingest, bands), composite)


def _ingest(
    request: LandingRequest,
    source: str,
    bands: tuple[str, ...],
    *,
    mode: str = "copy",
    more: Sequence[str] = (),
) -> CommandStep:
    options = [f"--limit={request.limit}", f"--mode={mode}"]
    if bands:
        options.append(f"--bands={','.join(bands)}")
    if request.max_cloud is not None:
        options.append(f"--max-cloud={request.max_cloud:g}")
    return _step("ingest", source, request, [*options, *more])


def _step(command: str, subject: str, request: LandingRequest, options: Sequence[str]) -> CommandStep:
    """Return a command with its options, each one word, and after `--` what is never an option."""
    asked = (f"--bbox={request.aoi:.12g}", f"--datetime={request.toi}")
    return CommandStep(command, (command, "--json", *asked, *options, "--", subject))
