"""The manner in which granules of an archive are landed, which with a granule determines what is."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ingest.archives.archive import Granule, GranuleRefusedError, WantedError
from ingest.encoding import BaselineError, PerBand
from ingest.harmonisation import Harmonisation
from ingest.landing_request import BandFile, LandingError, LandingRequest
from ingest.planning import CONVERTER, DIGEST_LENGTH
from mosaics.bbox import Bbox


class Mode(StrEnum):
    """What becomes of an archive's files."""

    COPY = "copy"
    """They are landed as COGs."""
    REFERENCE = "reference"
    """They are read where they lie; only the item and the mosaic are landed."""


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How granules are landed; with the granule it determines what is."""

    mode: Mode = Mode.COPY
    clip: Bbox | None = None
    """Only the pixels under this box are landed."""
    scales: PerBand = field(default_factory=PerBand)
    """Of the user, in place of what archive and pixels say."""
    offsets: PerBand = field(default_factory=PerBand)

    def __post_init__(self) -> None:
        if self.clip is not None and self.mode is Mode.REFERENCE:
            raise WantedError("a file that is read where it lies cannot be clipped; copy, or do not clip.")

    def scene_id(self, scene_id: str) -> str:
        """Return the id a granule is landed under as a scene: parts of it have one of their own."""
        if self.clip is None:
            return scene_id
        return f"{scene_id}-{_digest(list(self.clip.degrees))[:8]}"

    def request(
        self, granule: Granule, files: Iterable[BandFile], decided: Harmonisation | None
    ) -> LandingRequest:
        """Return how a granule is landed: as its archive says, the user wants and was decided before.

        Args:
            granule: What is landed; its wanted bands are those of `files`.
            files: Where the bands are.
            decided: What was decided about the offset when other bands of the scene landed.

        Raises:
            GranuleRefusedError: If it cannot be landed so.
        """
        try:
            return LandingRequest(
                id=self.scene_id(granule.id),
                start=granule.start,
                end=granule.end,
                assets=tuple(files),
                cloud_cover_percent=granule.cloud_cover_percent,
                baseline=granule.baseline,
                scales=self.scales.among(granule.bands),
                offsets=self.offsets.among(granule.bands),
                removed=granule.offset_removed,
                declared={
                    band: declared
                    for band in granule.bands
                    if (declared := granule.layers[band].declared) is not None
                },
                provenance=granule.provenance,
                decided=decided,
            )
        except (LandingError, BaselineError) as error:
            raise GranuleRefusedError(str(error)) from error

    def digest(self, granule: Granule, collection_id: str) -> str:
        """Return what stands for all that determines what is landed of a granule."""
        return _digest(
            {
                "converter": CONVERTER,
                "collection": collection_id,
                "id": granule.id,
                "time": [granule.start.isoformat(), granule.end.isoformat()],
                "cloud_cover_percent": granule.cloud_cover_percent,
                "version": granule.version,
                "files": {band: _place(granule, band) for band in sorted(granule.bands)},
                "mode": self.mode,
                "clip": self.clip.degrees if self.clip else None,
                "given": [
                    [numbers.for_all, dict(sorted(numbers.for_band.items()))]
                    for numbers in (self.scales, self.offsets)
                ],
            }
        )


def _place(granule: Granule, band: str) -> list[Any]:
    """Return the file of a band, and the layer where it is not simply the first."""
    layer = granule.layers[band]
    file = granule.files[layer.file]
    return [file.href, file.size_bytes, file.checksum, *([] if layer.layer == 1 else [layer.layer])]


def _digest(determining: Any) -> str:
    return hashlib.sha256(json.dumps(determining, sort_keys=True).encode()).hexdigest()[:DIGEST_LENGTH]
