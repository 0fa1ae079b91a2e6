"""The tables of kept series: of areas and of whatever else series are kept for, by the same statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import shapely

from app.areas.kept_series import KeptEntry
from app.database import Connection


@dataclass(frozen=True, slots=True)
class SubjectToCount:
    """An area, or something else with a place, without its shape."""

    id: int
    vertices: int


@dataclass(frozen=True, slots=True)
class SeriesToFill(SubjectToCount):
    """A subject and a product whose periods may not all be kept yet."""

    product: str
    updated_at: datetime
    """Of the subject."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of one series."""

    name: str
    products: tuple[str, ...]
    """Products the subject keeps."""
    filled: bool
    """Whether the series is complete, apart from mosaics that have changed since."""


@dataclass(frozen=True)
class SeriesTables:
    """The tables of one kind of subject. All names are constants of ours."""

    subjects: str
    """Has id, name, products, vertices, updated_at."""
    id: str
    """The column of the other tables that names a subject."""
    entries: str
    """One row per subject, product and period."""
    filled: str
    """One row per series that had every period once."""
    updated_at: str
    """Its column with the state of the subject that was counted."""
    place: str = "geom"
    """The column of subjects that meets footprints, in degrees."""
    beside: str = ""
    """Which subjects keep entries of other periods than those of the mosaics: a condition on `s`, or none."""

    async def behind(
        self, connection: Connection, versions: Mapping[str, str], *, limit: int
    ) -> list[SeriesToFill]:
        """Return series to fill, by product: of new or changed subjects, and of changed products.

        Args:
            connection: To the database.
            versions: Versions of the products that can be counted, by product id.
            limit: Number of series at most.
        """
        rows = await connection.fetch(self._behind, list(versions), list(versions.values()), limit)
        return [SeriesToFill(r["id"], r["vertices"], r["product"], r["updated_at"]) for r in rows]

    async def products_filled(self, connection: Connection) -> frozenset[str]:
        """Return the products of which a series had every period once."""
        rows = await connection.fetch(f"select distinct product from {self.filled}")
        return frozenset(row["product"] for row in rows)

    async def touched(
        self, connection: Connection, product: str, within: shapely.Geometry | None
    ) -> list[SubjectToCount]:
        """Return subjects with a filled series of a product that touch a geometry in degrees; None: all."""
        wkb = None if within is None else shapely.to_wkb(within)
        rows = await connection.fetch(self._touched, product, wkb)
        return [SubjectToCount(r["id"], r["vertices"]) for r in rows]

    async def inputs_of(
        self, connection: Connection, subjects: Sequence[int], product: str, period: str
    ) -> dict[int, str]:
        """Return the input hash of each subject's kept entry for a period, for those that have one."""
        rows = await connection.fetch(self._inputs, list(subjects), product, period)
        return {row["id"]: row["inputs"] for row in rows}

    async def forget_entries(
        self, connection: Connection, subjects: Sequence[int], product: str, period: str
    ) -> None:
        """Remove the entries of some subjects for one period."""
        await connection.execute(self._forget, list(subjects), product, period)

    async def forget_period(self, connection: Connection, products: Sequence[str], period: str) -> None:
        """Remove all entries of a period that no longer exists."""
        await connection.execute(self._forget_period, list(products), period)

    async def note_filled(
        self, connection: Connection, series: Sequence[SeriesToFill], version: str, periods: Sequence[str]
    ) -> None:
        """Note that series of one product have all their periods; remove entries of any other periods."""
        product, subjects = series[0].product, [each.id for each in series]
        await connection.execute(self._forget_others, subjects, product, list(periods))
        await connection.execute(
            self._filled, product, version, subjects, [each.updated_at for each in series]
        )

    async def standing_of(
        self, connection: Connection, subject: int, product: str, version: str
    ) -> Standing | None:
        """Return the state of a series; None where there is no such subject."""
        row = await connection.fetchrow(self._standing, subject, product, version)
        return None if row is None else Standing(row["name"], tuple(row["products"]), row["filled"])

    async def read(
        self,
        connection: Connection,
        subject: int,
        product: str,
        start: datetime | None,
        end: datetime | None,
    ) -> list[KeptEntry]:
        """Return kept entries whose periods start in a half-open interval, in order; None leaves an end open.

        `entry` stays JSON text, since answers pass on thousands of entries without parsing them.
        """
        rows = await connection.fetch(self._read, subject, product, start, end)
        return [KeptEntry(r["period"], r["starts"], r["entry"], r["inputs"], r["computed_at"]) for r in rows]

    @cached_property
    def _behind(self) -> str:
        return f"""
            select s.id, s.vertices, p.product, s.updated_at
            from {self.subjects} s cross join lateral unnest(s.products) p (product)
            join unnest($1::text[], $2::text[]) wanted (product, version) using (product)
            left join {self.filled} f on f.{self.id} = s.id and f.product = p.product
            where f.{self.id} is null or f.version <> wanted.version or f.{self.updated_at} <> s.updated_at
            order by p.product, s.id
            limit $3
        """

    @cached_property
    def _touched(self) -> str:
        return f"""
            select s.id, s.vertices
            from {self.subjects} s join {self.filled} f on f.{self.id} = s.id and f.product = $1
            where $1 = any(s.products)
                and ($2::bytea is null or st_intersects(s.{self.place}, st_geomfromwkb($2, 4326)))
            order by s.id
        """

    @cached_property
    def _inputs(self) -> str:
        return f"""
            select {self.id} as id, inputs from {self.entries}
            where {self.id} = any($1::bigint[]) and product = $2 and period = $3
        """

    @cached_property
    def _forget(self) -> str:
        return (
            f"delete from {self.entries} where {self.id} = any($1::bigint[]) and product = $2 and period = $3"
        )

    @cached_property
    def _forget_period(self) -> str:
        return f"""
            delete from {self.entries} e using {self.subjects} s
            where e.{self.id} = s.id and product = any($1::text[]) and period = $2
                and not ({self.beside or "false"})
        """

    @cached_property
    def _forget_others(self) -> str:
        return f"""
            delete from {self.entries} e using {self.subjects} s
            where e.{self.id} = s.id and s.id = any($1::bigint[]) and product = $2
                and period <> all($3::text[]) and not ({self.beside or "false"})
        """

    @cached_property
    def _filled(self) -> str:
        return f"""
            insert into {self.filled} ({self.id}, product, version, {self.updated_at})
            select s.id, $1, $2, counted.updated_at
            from unnest($3::bigint[], $4::timestamptz[]) counted (id, updated_at)
            join {self.subjects} s on s.id = counted.id
            for key share of s
            on conflict ({self.id}, product) do update
                set version = excluded.version, {self.updated_at} = excluded.{self.updated_at}
        """

    @cached_property
    def _standing(self) -> str:
        return f"""
            select s.name, s.products, f.{self.id} is not null as filled
            from {self.subjects} s left join {self.filled} f
                on f.{self.id} = s.id and f.product = $2 and f.version = $3
                and f.{self.updated_at} = s.updated_at
            where s.id = $1
        """

    @cached_property
    def _read(self) -> str:
        return f"""
            select period, starts, entry, inputs, computed_at from {self.entries}
            where {self.id} = $1 and product = $2
                and ($3::timestamptz is null or starts >= $3) and ($4::timestamptz is null or starts < $4)
            order by starts, period
        """


AREA_TABLES = SeriesTables("areas", "area_id", "area_statistics", "filled_series", "area_updated_at")
