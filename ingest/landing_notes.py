"""Landing notes: sentences on what was decided where a file and something else say different things.

Nothing of them is kept; they are for the user who lands the scene and can give an option in its place.
"""

import math
from collections.abc import Iterator, Mapping

from ingest.encoding import PHYSICAL, Encoding, PerBand
from ingest.file_tags import UNTAGGED
from ingest.harmonisation import Harmonisation
from ingest.planning import PlannedBand, ScenePlan
from ingest.raster import SourceRaster, held_nodata
from mosaics.collection import Band, Collection


def notes_on(plan: ScenePlan) -> tuple[str, ...]:
    """Return the notes on how a scene is landed."""
    order, rasters, decided = plan.grounds.order, plan.grounds.rasters, plan.grounds.harmonisation
    described = {asset.band: plan.collection.band(asset.band) for asset in order.assets}
    told = {name: plan.bands[name].raster for name in described}
    encodings = {name: plan.bands[name].encoding for name in described}
    ignores_baseline = decided is None and not order.declared
    return (
        *_physical_notes(rasters, encodings),
        *_unit_notes(rasters, encodings),
        *_turned_notes(rasters),
        *_tag_notes(rasters, encodings, plan.collection),
        *_missing_notes(rasters, told, encodings, described, order.nodata),
        *_category_notes(plan.bands),
        *(_offset_notes(decided) if decided else ()),
        *(_baseline_notes(order.baseline, described) if ignores_baseline else ()),
    )


def _physical_notes(rasters: Mapping[str, SourceRaster], encodings: Mapping[str, Encoding]) -> Iterator[str]:
    """Yield which bands are taken as physical values; layers of HDF5 state their scale themselves."""
    physical = [
        name
        for name, encoding in encodings.items()
        if encoding.reason == PHYSICAL and not isinstance(rasters[name].layer, str)
    ]
    units = {encodings[name].unit for name in physical}
    if physical:
        said = "without unit" if units == {"1"} else "in " + ", ".join(sorted(units))
        yield (
            f"{', '.join(physical)}: {PHYSICAL} ({said}); "
            "give --scale and --offset if they are to be multiplied."
        )


def _unit_notes(rasters: Mapping[str, SourceRaster], encodings: Mapping[str, Encoding]) -> Iterator[str]:
    """Yield where a file states another unit than the collection."""
    for name, raster in rasters.items():
        if raster.unit is not None and raster.unit != encodings[name].unit:
            yield f"{name}: the file's unit is '{raster.unit}', the collection's is '{encodings[name].unit}'."


def _turned_notes(rasters: Mapping[str, SourceRaster]) -> Iterator[str]:
    """Yield which files are mirrored, so that their rows or columns are turned."""
    for name, raster in rasters.items():
        ways = [
            *(["columns from east to west"] if raster.mirrored else []),
            *(["rows from south to north"] if raster.south_up else []),
        ]
        if ways:
            yield f"{name}: {raster.name} is mirrored ({' and '.join(ways)}); it lands the right way round."


def _category_notes(bands: Mapping[str, PlannedBand]) -> Iterator[str]:
    """Yield how many classes files name or colour."""
    for name, band in bands.items():
        if band.categories:
            yield f"{name}: {len(band.categories)} classes as the file's colour table and names have them."


def _offset_notes(decided: Harmonisation) -> Iterator[str]:
    """Yield what was decided about the scene's offset, and what speaks against it."""
    yield f"offset of the reflectance: {decided.offset:g}; {decided.reason}."
    if decided.doubt:
        yield decided.doubt


def _tag_notes(
    rasters: Mapping[str, SourceRaster], encodings: Mapping[str, Encoding], collection: Collection
) -> Iterator[str]:
    """Yield where tags of scale and offset do not hold, or hold though the collection says otherwise."""
    for name, raster in rasters.items():
        scale, offset = raster.scale_offset
        if raster.scale_offset == UNTAGGED:
            continue
        encoding, band = encodings[name], collection.band(name)
        if (encoding.scale, encoding.offset) != raster.scale_offset:
            yield (
                f"{name}: scale {encoding.scale:g} and offset {encoding.offset:g} hold ({encoding.reason}), "
                f"not scale {scale:g} and offset {offset:g} of the tags of {raster.name}."
            )
        elif (band.scale, band.offset) not in {raster.scale_offset, UNTAGGED}:
            yield (
                f"{name}: scale {scale:g} and offset {offset:g} hold ({encoding.reason}), "
                f"not scale {band.scale:g} and offset {band.offset:g} of the collection."
            )


def _baseline_notes(baseline: str | None, bands: Mapping[str, Band]) -> Iterator[str]:
    """Yield that a baseline which is given decides nothing."""
    measured = [name for name, band in bands.items() if not band.categorical]
    if baseline is not None and measured:
        yield f"the processing baseline {baseline} decides nothing about {', '.join(measured)}."


def _missing_notes(
    rasters: Mapping[str, SourceRaster],
    told: Mapping[str, SourceRaster],
    encodings: Mapping[str, Encoding],
    bands: Mapping[str, Band],
    given: PerBand,
) -> Iterator[str]:
    """Yield by what missing pixels are told, where two sources say different things.

    Args:
        rasters: As the files describe them.
        told: The same as `ingest.encoding.as_told` gives them.
        encodings: As decided.
        bands: As the collection describes them.
        given: Nodata values of the user.
    """
    for name, raster in rasters.items():
        if name in given.for_band or given.is_without(name):
            continue
        number = told[name].nodata if told[name].picture else encodings[name].nodata
        others = [
            (f"the nodata value {_said(raster.nodata)} of its tag", raster.nodata),
            (f"--nodata {_said(given.for_all)}", held_nodata(given.for_all, raster.dtype)),
            (f"the collection's nodata value {_said(bands[name].nodata)}", _of_dtype(bands[name], raster)),
        ]
        ignored = [said for said, other in others if other is not None and not _same(other, number)]
        together = " in all bands of the picture at once" if told[name].picture else ""
        by = "its mask" if number is None else f"the nodata value {_said(number)}{together}"
        if ignored or together:
            yield (
                f"{name}: missing pixels of {raster.name} are told by {by}"
                + (f", not by {' or '.join(ignored)}" if ignored else "")
                + f"; --nodata {name}=V gives a value for the band by itself, and --nodata {name}=none none."
            )


def _of_dtype(band: Band, raster: SourceRaster) -> float | None:
    return held_nodata(band.nodata, raster.dtype) if band.dtype == raster.dtype else None


def _same(one: float, other: float | None) -> bool:
    return other is not None and (one == other or (math.isnan(one) and math.isnan(other)))


def _said(number: float | None) -> str:
    return "" if number is None else f"{number:.10g}"
