"""Which source an order is fetched from: the one it names, or the one that is meant where it names none."""

from collections.abc import Mapping

from app.jobs.job import JobRequestError
from app.jobs.request import FINE_M
from app.settings import Settings
from mosaics.bbox import Bbox, BboxError
from mosaics.descriptions.folders import Descriptions
from mosaics.descriptions.sources import HarmonySource, SourceDescription
from mosaics.descriptions.toml_files import ReadFiles

SENTINEL = "sentinel-2-l2a"


def choose_source(
    sources: Mapping[str, SourceDescription],
    source_id: str | None,
    *,
    collection: str | None = None,
    preferred: str | None = None,
) -> SourceDescription:
    """Return the source of an id, or the one that is meant where none is given.

    Args:
        sources: All there are, by id.
        source_id: As somebody wrote it.
        collection: What its scenes must be landed in; of Sentinel-2 where neither is given.
        preferred: The id of the one that is meant where none is given, if it fits.

    Raises:
        JobRequestError: If there is none; the message names those there are.
    """
    fitting = {each.id: each for each in sources.values() if collection in {None, each.collection}}
    if source_id is not None:
        if isinstance(sources, ReadFiles) and source_id in sources.left_out and source_id not in sources:
            raise JobRequestError(f"source '{source_id}' is left out: {sources.left_out[source_id].reason}")
        if source_id not in fitting:
            into = f" of {collection}" if collection else ""
            raise JobRequestError(
                f"no source '{source_id}'{into}; there are: {', '.join(sorted(fitting)) or 'none'}"
            )
        return fitting[source_id]
    if preferred in fitting:
        return fitting[preferred]
    for each in fitting.values():
        if each.collection == (collection or SENTINEL):
            return each
    raise JobRequestError(f"no source of {collection or SENTINEL}; name one of: {', '.join(sources)}")


def finest_pixel_m(descriptions: Descriptions, collection_id: str) -> float:
    """Return the size of a collection's finest pixels in metres, as its file says, or that of Sentinel-2."""
    described = descriptions.collections.get(collection_id)
    sizes = [band.gsd_m for band in described.collection.bands if band.gsd_m] if described else []
    return min(sizes, default=FINE_M)


def usual_box(source: SourceDescription, settings: Settings) -> Bbox:
    """Return the box of a source for which none is given: the settings have one for TEMPO.

    Raises:
        JobRequestError: If they do not have all edges of it, or not those of a box, or it is not a source of
            TEMPO.
    """
    edges = {side: getattr(settings, f"tempo_bbox_{side}") for side in ("west", "south", "east", "north")}
    if not isinstance(source, HarmonySource) or source.names != "tempo":
        raise JobRequestError(f"no box: give one, which says in degrees what part of {source.id} is wanted")
    if absent := [f"TEMPO_BBOX_{side.upper()}" for side, edge in edges.items() if edge is None]:
        raise JobRequestError(
            f"no box: give one, or set {', '.join(absent)}; a part of {source.id} is cut out of its scans"
        )
    try:
        return Bbox(**edges)
    except BboxError as error:
        raise JobRequestError(f"TEMPO_BBOX_*: {error}") from error
