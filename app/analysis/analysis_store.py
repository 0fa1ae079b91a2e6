"""Kept analyses in the database, each under the hash of all that determines it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.database import Connection

KEEP = """
    insert into analyses (kind, area_id, product, period, options, inputs, level, result, checked_at)
    select 'parcel', given.area_id, $1, $2, $3, given.inputs, given.level, given.result, $8
    from unnest($4::bigint[], $5::text[], $6::text[], $7::jsonb[]) given (area_id, inputs, level, result)
    join areas on areas.id = given.area_id
    for key share of areas
    on conflict (area_id, product, period, options) do update set
        checked_at = excluded.checked_at,
        inputs = excluded.inputs, level = excluded.level, result = excluded.result,
        computed_at = case when analyses.inputs = excluded.inputs then analyses.computed_at else now() end
    returning id, area_id, inputs, result::text as result, computed_at
"""

KNOWN = """
    select id, area_id, inputs, result::text as result, computed_at from analyses
    where area_id = $1 and product = $2 and period = $3 and options = $4 and inputs = $5
"""

KEEP_SCENE = """
    insert into analyses (kind, owner_id, product, period, options, inputs, result)
    values ('scene', $1, $2, $3, '', $4, $5::jsonb)
    on conflict (coalesce(owner_id, ''), inputs) where kind = 'scene'
        do update set result = excluded.result, computed_at = now()
    returning id
"""

KNOWN_SCENE = """
    select id, area_id, inputs, (result - 'zones')::text as result, computed_at from analyses
    where kind = 'scene' and coalesce(owner_id, '') = coalesce($1, '') and inputs = $2
"""

ZONES = """
    select (result -> 'zones')::text from analyses
    where id = $1 and kind = 'scene' and ($2::text is null or owner_id = $2)
"""

OF_OWNER = "($2::text is null or coalesce(a.owner_id, k.owner_id) = $2)"

READ = f"""
    select k.id, k.kind, k.area_id, k.inputs, (k.result - 'zones')::text as result, k.computed_at
    from analyses k left join areas a on a.id = k.area_id
    where k.id = $1 and {OF_OWNER}
"""

LIST = f"""
    select k.id, k.kind, k.area_id, k.inputs, (k.result - 'zones')::text as result, k.computed_at
    from analyses k left join areas a on a.id = k.area_id
    where k.id > $1 and {OF_OWNER}
        and ($3::text is null or k.kind = $3)
        and ($4::bigint is null or k.area_id = $4)
        and ($5::text is null or k.product = $5)
        and ($6::text is null or k.period = $6)
        and ($7::text is null or k.level = $7)
    order by k.id limit $8
"""

STALE = """
    select a.id, latest.period
    from areas a
    cross join lateral (
        select s.period, s.starts from area_statistics s
        where s.area_id = a.id and s.product = $1 and s.entry ->> 'mean' is not null
        order by s.starts desc limit 1
    ) latest
    left join analyses k
        on k.area_id = a.id and k.product = $1 and k.period = latest.period and k.options = $2
    where a.kind = 'parcel' and $1 = any(a.products)
        and (k.id is null or k.checked_at < (
            select max(s.computed_at) from area_statistics s where s.area_id = a.id and s.product = $1
        ))
    order by latest.period, a.id
    limit $3
"""


class UnknownAnalysisError(LookupError):
    """No analysis has this id."""

    def __init__(self, analysis_id: int) -> None:
        super().__init__(f"no analysis {analysis_id}; GET /analyses lists the analyses")


@dataclass(frozen=True, slots=True)
class KeptAnalysis:
    """An analysis that is kept."""

    id: int
    kind: str
    """parcel or scene."""
    area_id: int | None
    inputs: str
    """SHA-256, in hex, of all that determines the result."""
    result: Mapping[str, Any]
    computed_at: datetime

    def document(self) -> dict[str, Any]:
        """Return it as it is answered."""
        return {
            "id": self.id,
            "kind": self.kind,
            **self.result,
            "inputs": self.inputs,
            "computed_at": self.computed_at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """What tells an analysis from others of the same parcel."""

    product: str
    period: str
    options: str = ""
    """What tells the options from others; empty for the usual ones."""


@dataclass(frozen=True, slots=True)
class NewAnalysis:
    """The analysis of a parcel, to be kept."""

    area_id: int
    inputs: str
    level: str
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AnalysisSearch:
    """Criteria of a listing; a criterion that is None is not applied."""

    owner_id: str | None = None
    kind: str | None = None
    area_id: int | None = None
    product: str | None = None
    period: str | None = None
    level: str | None = None


async def known_analysis(
    connection: Connection, area_id: int, asked: Asked, inputs: str
) -> KeptAnalysis | None:
    """Return what was found of a parcel from the same inputs; None where that is not kept."""
    row = await connection.fetchrow(KNOWN, area_id, asked.product, asked.period, asked.options, inputs)
    return None if row is None else _kept(row, "parcel")


async def keep_analyses(
    connection: Connection, asked: Asked, analyses: Sequence[NewAnalysis], seen_at: datetime
) -> list[KeptAnalysis]:
    """Keep analyses of parcels in one statement, and return them; of areas that are gone nothing is kept.

    Args:
        connection: To the database.
        asked: What all of them are of.
        analyses: One a parcel.
        seen_at: When the entries were read that they were made of.
    """
    rows = await connection.fetch(
        KEEP,
        asked.product,
        asked.period,
        asked.options,
        [each.area_id for each in analyses],
        [each.inputs for each in analyses],
        [each.level for each in analyses],
        [json.dumps(each.result, allow_nan=False) for each in analyses],
        seen_at,
    )
    return [_kept(row, "parcel") for row in rows]


async def keep_scene_analysis(
    connection: Connection, owner_id: str | None, asked: Asked, inputs: str, result: str
) -> int:
    """Keep the analysis of a scene, a JSON object, and return its id."""
    found: int = await connection.fetchval(KEEP_SCENE, owner_id, asked.product, asked.period, inputs, result)
    return found


async def known_scene_analysis(
    connection: Connection, owner_id: str | None, inputs: str
) -> KeptAnalysis | None:
    """Return what was found of a region from the same inputs, for an owner; None where that is not kept."""
    row = await connection.fetchrow(KNOWN_SCENE, owner_id, inputs)
    return None if row is None else _kept(row, "scene")


async def read_zones(connection: Connection, analysis_id: int, owner_id: str | None = None) -> str:
    """Return the zones of the analysis of a scene, a JSON array of Features.

    Raises:
        UnknownAnalysisError: If no analysis of a scene has this id.
    """
    zones: str | None = await connection.fetchval(ZONES, analysis_id, owner_id)
    if zones is None:
        raise UnknownAnalysisError(analysis_id)
    return zones


async def read_analysis(
    connection: Connection, analysis_id: int, owner_id: str | None = None
) -> KeptAnalysis:
    """Return an analysis.

    Args:
        connection: To the database.
        analysis_id: Its id.
        owner_id: Whose analyses alone exist for this; None for all.

    Raises:
        UnknownAnalysisError: If no analysis has this id.
    """
    row = await connection.fetchrow(READ, analysis_id, owner_id)
    if row is None:
        raise UnknownAnalysisError(analysis_id)
    return _kept(row, row["kind"])


async def list_analyses(
    connection: Connection, search: AnalysisSearch, *, after: int, limit: int
) -> tuple[list[KeptAnalysis], bool]:
    """Return a page of analyses in order of id, and whether there are more."""
    rows = await connection.fetch(
        LIST,
        after,
        search.owner_id,
        search.kind,
        search.area_id,
        search.product,
        search.period,
        search.level,
        limit + 1,
    )
    return [_kept(row, row["kind"]) for row in rows[:limit]], len(rows) > limit


async def stale_parcels(
    connection: Connection, product: str, options: str, *, limit: int
) -> list[tuple[int, str]]:
    """Return parcels whose entries are newer than the analysis of their latest value, and its period."""
    rows = await connection.fetch(STALE, product, options, limit)
    return [(row["id"], row["period"]) for row in rows]


def _kept(row: Any, kind: str) -> KeptAnalysis:
    return KeptAnalysis(
        row["id"], kind, row["area_id"], row["inputs"], json.loads(row["result"]), row["computed_at"]
    )
