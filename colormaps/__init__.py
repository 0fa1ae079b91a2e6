"""Colormaps, one file each, and their loader."""

import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_FOLDER = Path(__file__).parent
_HEX = re.compile(r"#[0-9a-f]{6}")


class UnknownColormapError(LookupError):
    """No colormap has this name; the message lists those that exist."""


class ColormapFileError(ValueError):
    """A file does not describe a valid colormap; the message names the file and what would be right."""


@dataclass(frozen=True, slots=True)
class Colormap:
    """Colours along 0..1, linear in sRGB between stops."""

    name: str
    title: str
    source: str
    """Origin of the colours, and their terms of use."""
    stops: tuple[tuple[float, str], ...]
    """Position, rising from 0 to 1, and ``#rrggbb``."""

    def __post_init__(self) -> None:
        positions = [position for position, _ in self.stops]
        if len(positions) < 2 or positions[0] != 0 or positions[-1] != 1:
            raise ValueError(
                f"stops must run from 0 to 1, with at least two of them; these are at {positions}"
            )
        if any(low >= high for low, high in pairwise(positions)):
            raise ValueError(f"stops must rise from one to the next; these are at {positions}")
        for _, color in self.stops:
            if not _HEX.fullmatch(color):
                raise ValueError(f"{color!r} is not a valid colour; write #rrggbb in lower case")

    def table(self, size: int) -> NDArray[np.uint8]:
        """Return colours at evenly spaced positions from 0 to 1.

        Args:
            size: Number of colours; a single one is that at 0.5.

        Returns:
            uint8 of shape (size, 3): red, green, blue.
        """
        wanted = np.linspace(0, 1, size) if size > 1 else np.array([0.5])
        positions = [position for position, _ in self.stops]
        colors = np.array([tuple(bytes.fromhex(color[1:])) for _, color in self.stops], dtype=float)
        channels = [np.interp(wanted, positions, colors[:, channel]) for channel in range(3)]
        table: NDArray[np.uint8] = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
        return table


@cache
def colormap_names() -> tuple[str, ...]:
    """Return the names of all colormaps, in alphabetical order."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def load_colormap(name: str) -> Colormap:
    """Return the colormap with a name.

    Raises:
        UnknownColormapError: If no colormap has this name.
        ColormapFileError: If its file is not valid.
    """
    if name not in colormap_names():
        close = get_close_matches(name, colormap_names(), n=1)
        guess = f"; did you mean {close[0]}?" if close else ""
        raise UnknownColormapError(f"no colormap {name!r}; there are: {', '.join(colormap_names())}{guess}")
    return _load(name)


@cache
def _load(name: str) -> Colormap:
    path = _FOLDER / f"{name}.toml"
    return read_colormap(path)


def read_colormap(path: Path) -> Colormap:
    """Read a colormap file.

    Raises:
        ColormapFileError: If the file does not describe a valid colormap.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        stops = tuple((float(position), str(color)) for position, color in content.pop("stops"))
        return Colormap(path.stem, stops=stops, **content)
    except KeyError as error:
        raise ColormapFileError(
            f"{path.name}: {error} is missing; a colormap needs title, source and stops"
        ) from error
    except (ValueError, TypeError) as error:
        raise ColormapFileError(f"{path.name}: {error}; a colormap needs title, source and stops") from error
