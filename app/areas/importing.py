"""Import of many areas at once: all or none."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import shapely

from app.areas.area import AreaError, Description
from app.areas.area_files import AreaFile, FeatureError, FileFeature
from app.database import Connection
from app.statistics.geometry import GeometryError
from app.statistics.repairing import Repair, read_repaired

STAGE = """
    create temporary table staged (
        position integer, name text, kind text, products text[], properties text, owner_id text, geom bytea
    ) on commit drop
"""

INSERT = """
    insert into areas (name, kind, products, properties, owner_id, geom)
    select name, kind, products, properties::jsonb, owner_id, st_multi(st_geomfromwkb(geom, 4326))
    from staged order by position
"""

HINT = "; --repair makes it valid and says what that changed"

TIMEOUT_S = 600.0
"""For the whole import; ten thousand fields take a few seconds."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A feature that was refused as an area."""

    position: int
    """In the file, counting from 0."""
    reason: str


@dataclass(frozen=True, slots=True)
class Import:
    """The outcome of an import."""

    imported: int
    refused: Sequence[Refused]
    repaired: Sequence[tuple[int, Repair]] = ()
    """Positions in the file, and what was changed."""


@dataclass(frozen=True, slots=True)
class Naming:
    """How features are turned into areas."""

    name_field: str = "name"
    """The property that holds the name."""
    kind: str | None = None
    """The kind of all areas; None takes each feature's property `kind`."""
    products: tuple[str, ...] = ()
    """Products kept for all areas."""
    owner_id: str | None = None
    """The owner of all areas; None takes each feature's property `owner_id`."""

    def description(self, feature: FileFeature) -> Description:
        """Return the description of a feature.

        Its property `feed`, which areas have for something of their own, is left out: no feeds are started.

        Raises:
            AreaError: If the feature does not make a valid area.
        """
        properties = {key: value for key, value in feature.properties.items() if key != "feed"}
        name = properties.pop(self.name_field, None)
        if name is None:
            raise AreaError(f"it has no property {self.name_field!r} to take the name from")
        properties |= {"name": name if isinstance(name, str) else str(name), "products": list(self.products)}
        if self.kind is not None:
            properties["kind"] = self.kind
        if self.owner_id is not None:
            properties["owner_id"] = self.owner_id
        return Description.read(properties)


@dataclass(slots=True)
class _Reading:
    """Rows of a file for the staging table; remembers the features it leaves out."""

    file: AreaFile
    naming: Naming
    progress: Callable[[int], None]
    repair: bool = False
    refused: list[Refused] = field(default_factory=list)
    repaired: list[tuple[int, Repair]] = field(default_factory=list)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        for position, feature in enumerate(self.file.features):
            self.progress(1)
            try:
                if isinstance(feature, FeatureError):
                    raise feature
                polygon, repair = read_repaired(feature.geometry, repair=self.repair, hint=HINT)
                described = self.naming.description(feature)
            except (FeatureError, GeometryError, AreaError) as error:
                self.refused.append(Refused(position, str(error)))
            else:
                if repair is not None:
                    self.repaired.append((position, repair))
                yield (
                    position,
                    described.name,
                    described.kind,
                    list(described.products),
                    described.properties,
                    described.owner_id,
                    shapely.to_wkb(polygon),
                )


async def import_areas(
    connection: Connection,
    file: AreaFile,
    naming: Naming,
    progress: Callable[[int], None],
    *,
    skip_refused: bool = False,
    repair: bool = False,
) -> Import:
    """Register every feature of a file, in file order.

    Args:
        connection: To the database, outside any transaction.
        file: The features; they are read as they are copied.
        naming: How features are turned into areas.
        progress: Called with the number of features done since the last call.
        skip_refused: Whether to register the other features if some are refused; if not, none is registered.
        repair: Whether to make invalid polygons valid.

    Raises:
        AreaFileError: If the file turns out to be damaged on the way; none is registered then.
    """
    reading = _Reading(file, naming, progress, repair)
    async with connection.transaction():
        await connection.execute(STAGE)
        await connection.copy_records_to_table("staged", records=reading.rows(), timeout=TIMEOUT_S)
        if reading.refused and not skip_refused:
            return Import(0, reading.refused, reading.repaired)
        done: str = await connection.execute(INSERT, timeout=TIMEOUT_S)
    return Import(int(done.rpartition(" ")[2]), reading.refused, reading.repaired)
