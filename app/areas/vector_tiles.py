"""Vector tiles of outlines in the database, made by PostGIS: of areas and of zones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

EXTENT = 4096
"""Units of a tile's side."""

MARGIN = 64
"""Units around a tile that its outlines reach into, so that they do not show its edges."""

SHOWN_UNITS = 4
"""Outlines with a box smaller than this, half a pixel of a tile of 512 pixels, are left out."""

MAX_FEATURES = 5_000
"""Outlines of one tile, the largest first: about 1 MB."""

MAX_LAT = 85.0511287
"""Where the square of web Mercator ends, in degrees."""


@dataclass(frozen=True, slots=True)
class VectorTile:
    """A vector tile."""

    content: bytes
    """As Mapbox Vector Tiles 2.1 have it; empty where no outline lies."""
    dropped: int
    """Outlines that lie there but are too small, or too many, to be drawn."""


def tile_statement(
    layer: str,
    table: str,
    criteria: str,
    *,
    columns: Sequence[str],
    row: str,
    further: str | None = None,
    joins: str = "",
) -> str:
    """Return the statement whose row `tile_of` reads.

    Its $1 is the zoom and its $2 the column of the tile.

    Args:
        layer: The name of the layer.
        table: With columns `id` and `geom`, in degrees.
        criteria: What a row has to be, as a condition whose values are $3 and further ones.
        columns: Those of the table that features have as properties.
        row: The parameter that is the row of the tile, such as "$9".
        further: Properties beside them, as a select list over `a`, the table's rows, and `joins`.
        joins: Of those rows.
    """
    named = ", ".join(columns)
    properties = ", ".join([*(f"a.{column}" for column in columns), *([further] if further else [])])
    return f"""
        with bounds as (
            select st_tileenvelope($1, $2, {row}) as mercator,
                st_intersection(
                    st_transform(st_tileenvelope($1, $2, {row}, margin => {MARGIN / EXTENT}), 4326),
                    st_makeenvelope(-180, -{MAX_LAT}, 180, {MAX_LAT}, 4326)
                ) as degrees,
                360.0 / (1::bigint << $1) / {EXTENT} as unit
        ),
        boxes as (
            select id, box2d(geom)::box3d as box from {table}, bounds
            where geom && bounds.degrees and {criteria}
        ),
        here as (
            select id, greatest(
                st_xmax(box) - st_xmin(box),
                (st_ymax(box) - st_ymin(box))
                    / cos(radians(least(abs(st_ymin(box) + st_ymax(box)) / 2, {MAX_LAT})))
            ) / unit as units
            from boxes, bounds
        ),
        chosen as (
            select id from here where units >= {SHOWN_UNITS} order by units desc, id limit {MAX_FEATURES}
        ),
        shown as (
            select id, {named}, st_asmvtgeom(
                st_transform(st_simplify(st_clipbybox2d(geom, bounds.degrees), unit, true), 3857),
                mercator, {EXTENT}, {MARGIN}, true
            ) as outline
            from chosen join {table} using (id), bounds
        ),
        features as (
            select a.id, a.outline, {properties}
            from shown a {joins}
            where a.outline is not null
        )
        select (select st_asmvt(features, '{layer}', {EXTENT}, 'outline', 'id') from features) as tile,
            (select count(*) from here) as found,
            (select count(*) from chosen) as shown
    """


def tile_of(row: Any) -> VectorTile:
    """Return the tile of a statement's row."""
    return VectorTile(row["tile"] or b"", row["found"] - row["shown"])
