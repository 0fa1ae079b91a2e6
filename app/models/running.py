"""Running a model over an area: strips are read, patches answered, answers blended, classes given out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.models.area import ModelArea
from app.models.description import MISSING, ModelDescription
from app.models.runtime import Bounds, RunningModel
from app.models.tiling import Blending, Tiling
from app.rendering.renderer import Renderer
from mosaics.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of what a model found."""

    first: int
    """The first row."""
    classes: NDArray[np.uint8]
    """Numbers of classes, (rows, columns); 255 where a pixel had no value."""
    percent: NDArray[np.uint8]
    """The share of that class, 0 to 100, same shape; 255 likewise."""


@dataclass(slots=True)
class ModelRun:
    """A model and where it works, and what was noted on the way."""

    model: ModelDescription
    folder: Path
    """Of its files."""
    bounds: Bounds
    used: dict[str, None] = field(default_factory=dict)
    """Ids of the scenes that gave a pixel."""
    skipped: dict[str, None] = field(default_factory=dict)
    """Ids of scenes that could not be read."""

    def tilings(self, area: ModelArea) -> tuple[Tiling, Tiling]:
        """Return where patches lie over the rows and the columns of an area."""
        patch, overlap = self.model.patch, self.model.overlap
        return Tiling(area.grid.height, patch, overlap), Tiling(area.grid.width, patch, overlap)

    async def over(
        self,
        area: ModelArea,
        catalogue: Catalogue,
        renderer: Renderer,
        progress: Callable[[int], None] = lambda _: None,
    ) -> AsyncIterator[Found]:
        """Yield what is found, from north to south; no more than one row of patches is in memory.

        Args:
            area: Where to look.
            catalogue: Of what has landed.
            renderer: Reads as it does for tiles.
            progress: Told of patches that are done.

        Raises:
            ModelRunError: If the network cannot be run or exceeds a bound.
            mosaics.storage.StorageUnavailableError: If the store does not answer.
        """
        rows, columns = self.tilings(area)
        blending = Blending(rows, columns, len(self.model.classes))
        network = await asyncio.to_thread(RunningModel, self.model, self.folder, self.bounds)
        with network:
            for start in rows.starts:
                needed = rows.mirrored(start)
                first, end = int(needed.min()), int(needed.max()) + 1
                strip = await area.read(catalogue, renderer, first, end)
                self.used |= dict.fromkeys(strip.used)
                self.skipped |= dict.fromkeys(strip.skipped)
                missing: NDArray[np.bool_] = np.asarray(np.isnan(strip.planes).any(axis=0))
                for column in columns.starts:
                    across = columns.mirrored(column)
                    taken = np.ix_(needed - first, across)
                    if not missing[taken].all():
                        patch = strip.planes[:, taken[0], taken[1]]
                        answer = await asyncio.to_thread(network.answer, self.prepared(patch)[np.newaxis])
                        blending.add(column, self.shares(answer[0]))
                    progress(1)
                for place, shares in blending.finish(start):
                    of_rows = slice(place - first, place - first + shares.shape[1])
                    yield _found(place, shares, missing[of_rows])

    def prepared(self, patch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a patch as the network expects it.

        Args:
            patch: Shape (bands, rows, columns), in units; NaN where missing.
        """
        model = self.model
        filled = np.where(np.isnan(patch), np.float32(model.fill), patch)
        found = filled if model.scale == 1 else (filled * model.scale).astype(np.float32)
        for number, mean in enumerate(model.mean):
            np.subtract(found[number], mean, out=found[number])
        for number, std in enumerate(model.std):
            np.divide(found[number], std, out=found[number])
        return found

    def shares(self, answer: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an answer as shares that add up to 1, shape (classes, rows, columns)."""
        if self.model.output == "probabilities":
            return answer
        powers = np.exp(answer - answer.max(axis=0, keepdims=True))
        found: NDArray[np.float32] = powers / powers.sum(axis=0, keepdims=True)
        return found


def _found(first: int, shares: NDArray[np.float32], missing: NDArray[np.bool_]) -> Found:
    classes = shares.argmax(axis=0).astype(np.uint8)
    percent = np.clip(np.rint(shares.max(axis=0) * 100), 0, 100).astype(np.uint8)
    return Found(
        first,
        np.where(missing, np.uint8(MISSING), classes),
        np.where(missing, np.uint8(MISSING), percent),
    )
