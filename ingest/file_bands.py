"""Which bands of a collection a file holds, told by the file itself, so that it is named once."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

from ingest.landing_request import BandFile, LandingError
from ingest.raster import opened
from mosaics.collection import Collection

SKIPPED = "-"
"""Stands in a list of bands for one of the file that is left out."""

COLOURS = {
    ColorInterp.red: "red",
    ColorInterp.green: "green",
    ColorInterp.blue: "blue",
    ColorInterp.nir: "nir",
    ColorInterp.rededge: "rededge",
    ColorInterp.coastal: "coastal",
    ColorInterp.pan: "pan",
}
"""Colour interpretations that say which band it is, and what collections call it."""


def bands_of_file(
    path: Path, collection: Collection, *, bands: Sequence[str] = (), names: Mapping[str, str] | None = None
) -> tuple[BandFile, ...]:
    """Return the bands of a collection that a file holds.

    The file's own descriptions of its bands say it; else its colours; else their order, where it has as many
    bands as the collection. An alpha band marks missing pixels and does not count.

    Args:
        path: A GeoTIFF.
        collection: Whose bands.
        bands: The bands of the file from the first on, `-` for one that is left out; where given, nothing
            else is looked at.
        names: Bands of the collection, by the file's names of them in lower case.

    Raises:
        LandingError: If the file does not tell it.
        RasterRefusedError: If the file is not a GeoTIFF that can be read.
        UnknownBandError: If the collection lacks one of `bands`.
    """
    with opened(path, side_cars=True) as dataset:
        if bands:
            places = _listed(path, dataset, collection, bands)
        else:
            places = _told(path, dataset, collection, names or {})
    return tuple(BandFile(band, path, index) for band, index in places.items())


def _listed(
    path: Path, dataset: DatasetReader, collection: Collection, bands: Sequence[str]
) -> dict[str, int]:
    if len(bands) > dataset.count:
        raise LandingError(
            f"{len(bands)} bands are listed, and {path.name} has {dataset.count}; list one for each band of "
            f"the file, {SKIPPED} for one to leave out."
        )
    if twice := sorted({band for band in bands if band != SKIPPED and bands.count(band) > 1}):
        raise LandingError(f"{', '.join(twice)} is listed more than once; a band is one of the file's.")
    return {collection.band(band).name: index for index, band in enumerate(bands, start=1) if band != SKIPPED}


def _told(
    path: Path, dataset: DatasetReader, collection: Collection, names: Mapping[str, str]
) -> dict[str, int]:
    colours = dict(enumerate(dataset.colorinterp, start=1))
    data = [index for index, colour in colours.items() if colour is not ColorInterp.alpha]
    known = {band.casefold(): band for band in collection.band_names} | dict(names)
    described = [(known.get((dataset.descriptions[i - 1] or "").strip().casefold()), i) for i in data]
    coloured = [(known.get(COLOURS.get(colours[i], "")), i) for i in data]
    by_description, by_colour = _distinct(described), _distinct(coloured)
    if by_description:
        return by_description
    may_be_data = (
        len(data) < dataset.count == len(collection.bands)
    )  # GDAL calls a fourth band of bytes alpha
    if by_colour and len(by_colour) == len(data) and not may_be_data:
        return by_colour
    if len(data) == len(collection.bands) and _agree(collection, by_colour, data):
        return dict(zip(collection.band_names, data, strict=True))
    raise LandingError(_ambiguous(path, dataset, collection, by_colour))


def _distinct(found: Sequence[tuple[str | None, int]]) -> dict[str, int]:
    """Return the place of each band found; of nothing, where two places are of one band."""
    places = {band: index for band, index in found if band is not None}
    return places if len(places) == sum(band is not None for band, _ in found) else {}


def _agree(collection: Collection, by_colour: Mapping[str, int], data: Sequence[int]) -> bool:
    """Return whether the collection's order contradicts none of the colours."""
    order = dict(zip(collection.band_names, data, strict=True))
    return all(order[band] == index for band, index in by_colour.items())


def _ambiguous(
    path: Path, dataset: DatasetReader, collection: Collection, by_colour: Mapping[str, int]
) -> str:
    count = f"{dataset.count} band" if dataset.count == 1 else f"{dataset.count} bands"
    interpreted = ", ".join(colour.name for colour in dataset.colorinterp[:8])
    has = ", ".join(collection.band_names[:16])
    example = ",".join(
        next((band for band, at in by_colour.items() if at == index), SKIPPED)
        for index in range(1, dataset.count + 1)
    )
    if not by_colour:
        example = ",".join(collection.band_names[: dataset.count])
    return (
        f"{path.name} does not say which bands of {collection.id} its {count} are (colours: {interpreted}; "
        f"not one description names them), and {collection.id} has {len(collection.bands)}: {has}. List them "
        f"in the file's order, {SKIPPED} for one to leave out: --bands {example}"
    )
