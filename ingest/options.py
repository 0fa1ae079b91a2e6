"""The manner in which scenes of an archive are landed, which with a scene determines what is."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from ingest.archives.archive import ArchiveScene, WantedError
from ingest.encoding import Harmonisation, PerBand
from ingest.landing_request import LandingRequest
from ingest.planning import CONVERTER, DIGEST_LENGTH


class Mode(StrEnum):
    """What becomes of an archive's files."""

    COPY = "copy"
    """They are landed as COGs."""
    REFERENCE = "reference"
    """They are read where they lie; only the item and the mosaic are landed."""


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How scenes are landed; with the scene it determines what is."""

    mode: Mode = Mode.COPY
    clip: tuple[float, float, float, float] | None = None
    """West, south, east, north: only the pixels under this box are landed."""
    scales: PerBand = field(default_factory=PerBand)
    """Of the user, in place of what archive and pixels say."""
    offsets: PerBand = field(default_factory=PerBand)

    def __post_init__(self) -> None:
        if self.clip is not None and self.mode is Mode.REFERENCE:
            raise WantedError("a file that is read where it lies cannot be clipped; copy, or do not clip.")

    def scene_id(self, scene_id: str) -> str:
        """Under which id a scene is landed: parts of it under one of their own."""
        if self.clip is None:
            return scene_id
        return f"{scene_id}-{_digest(list(self.clip))[:8]}"

    def given(self, order: LandingRequest, scene_id: str, decided: Harmonisation | None) -> LandingRequest:
        """The order as the user wants it, and as it was decided about other bands of the scene."""
        bands = [asset.band for asset in order.assets]
        return replace(
            order,
            id=scene_id,
            scales=self.scales.among(bands),
            offsets=self.offsets.among(bands),
            decided=decided,
        )

    def digest(self, scene: ArchiveScene, collection_id: str) -> str:
        """Stands for all that determines what is landed of a scene."""
        return _digest(
            {
                "converter": CONVERTER,
                "collection": collection_id,
                "id": scene.id,
                "time": [scene.start.isoformat(), scene.end.isoformat()],
                "cloud_cover_percent": scene.cloud_cover_percent,
                "version": scene.version,
                "files": {
                    band: [file.href, file.size_bytes, file.checksum]
                    for band, file in sorted(scene.files.items())
                },
                "mode": self.mode,
                "clip": self.clip,
                "given": [
                    [numbers.for_all, dict(sorted(numbers.for_band.items()))]
                    for numbers in (self.scales, self.offsets)
                ],
            }
        )


def _digest(determining: Any) -> str:
    return hashlib.sha256(json.dumps(determining, sort_keys=True).encode()).hexdigest()[:DIGEST_LENGTH]
