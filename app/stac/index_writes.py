"""Writing the index: the SQL that writes scenes and notes up to which commit a log was followed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.database import Connection

WRITE = """
    insert into scenes (
        collection, id, item_key, period, starts, ends, geom, cloud_cover, platform, synthetic, item
    )
    select $1, row.id, row.item_key, row.period, row.starts, row.ends,
        st_multi(st_geomfromwkb(row.geom, 4326)), row.cloud_cover, row.platform, row.synthetic,
        row.item::jsonb
    from unnest(
        $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::bytea[],
        $8::double precision[], $9::text[], $10::boolean[], $11::text[]
    ) row (id, item_key, period, starts, ends, geom, cloud_cover, platform, synthetic, item)
    on conflict (collection, id) do update set
        item_key = excluded.item_key, period = excluded.period, starts = excluded.starts,
        ends = excluded.ends, geom = excluded.geom, cloud_cover = excluded.cloud_cover,
        platform = excluded.platform, synthetic = excluded.synthetic, item = excluded.item
"""

REMOVE = "delete from scenes where collection = $1 and id = any($2::text[])"

NOTE = """
    with part as (
        select st_xmin(geom) as west, st_xmax(geom) as east
        from scenes where collection = $1 and st_numgeometries(geom) = 1
        union all
        select st_xmin(dump.geom), st_xmax(dump.geom)
        from scenes cross join lateral st_dump(geom) dump
        where collection = $1 and st_numgeometries(scenes.geom) > 1
    ), gap as (
        select west as ends, reached as begins from (
            select west, max(east) over (order by west rows between unbounded preceding and 1 preceding)
            as reached from part
        ) swept where west > reached order by west - reached desc limit 1
    ), held as (
        select count(*) as scenes, min(st_xmin(geom)) as west, min(st_ymin(geom)) as south,
            max(st_xmax(geom)) as east, max(st_ymax(geom)) as north,
            min(starts) as starts, max(greatest(starts, ends - interval '1 second')) as ends,
            jsonb_strip_nulls(jsonb_build_object(
                'platform', jsonb_agg(distinct platform) filter (where platform is not null),
                'eo:cloud_cover', case when count(cloud_cover) > 0 then
                    jsonb_build_object('minimum', min(cloud_cover), 'maximum', max(cloud_cover)) end,
                'tilewatch:synthetic', jsonb_agg(distinct synthetic)
            )) as summaries
        from scenes where collection = $1
    )
    insert into followed_logs (collection, number, commit_id, scenes, bbox, starts, ends, summaries)
    select $1, $2, $3, scenes,
        case when scenes = 0 then null
            when gap.ends - gap.begins > west + 360 - east then array[gap.ends, south, gap.begins, north]
            else array[west, south, east, north] end,
        held.starts, held.ends, summaries
    from held left join gap on true
    on conflict (collection) do update set
        number = excluded.number, commit_id = excluded.commit_id, scenes = excluded.scenes,
        bbox = excluded.bbox, starts = excluded.starts, ends = excluded.ends, summaries = excluded.summaries
"""
"""The bbox leaves out the widest gap between scenes, which is not always at 180 degrees."""

NOTE_S = 60.0
"""The statement reads every scene of the collection, at about 5 us each; no request waits for it."""


@dataclass(frozen=True, slots=True)
class NewScene:
    """A scene to write."""

    id: str
    item_key: str
    period: str
    starts: datetime
    ends: datetime
    wkb: bytes
    """The footprint in degrees."""
    cloud_cover_percent: float | None
    platform: str | None
    synthetic: bool
    item: str
    """The STAC Item, as JSON."""


@dataclass(frozen=True, slots=True)
class FollowedTo:
    """The commit up to which a log has been followed."""

    number: int
    commit_id: str


async def followed_logs(connection: Connection) -> dict[str, FollowedTo]:
    """Return how far each collection has been followed."""
    rows = await connection.fetch("select collection, number, commit_id from followed_logs")
    return {row["collection"]: FollowedTo(row["number"], row["commit_id"]) for row in rows}


async def item_keys(connection: Connection, collection: str) -> dict[str, str]:
    """Return the key of the item of each scene in a collection, by scene id."""
    rows = await connection.fetch("select id, item_key from scenes where collection = $1", collection)
    return {row["id"]: row["item_key"] for row in rows}


async def write_scenes(connection: Connection, collection: str, scenes: Sequence[NewScene]) -> None:
    """Write scenes, replacing those with the same ids."""
    columns = [
        *([scene.id for scene in scenes], [scene.item_key for scene in scenes]),
        *([scene.period for scene in scenes], [scene.starts for scene in scenes]),
        *([scene.ends for scene in scenes], [scene.wkb for scene in scenes]),
        *([scene.cloud_cover_percent for scene in scenes], [scene.platform for scene in scenes]),
        *([scene.synthetic for scene in scenes], [scene.item for scene in scenes]),
    ]
    await connection.execute(WRITE, collection, *columns)


async def remove_scenes(connection: Connection, collection: str, ids: Iterable[str]) -> None:
    """Remove scenes; ids that are not there are ignored."""
    await connection.execute(REMOVE, collection, list(ids))


async def note_followed(connection: Connection, collection: str, to: FollowedTo) -> None:
    """Note how far a collection has been followed, and what the index now holds of it."""
    await connection.execute(NOTE, collection, to.number, to.commit_id, timeout=NOTE_S)


async def forget_collection(connection: Connection, collection: str) -> None:
    """Remove a collection that no longer exists."""
    await connection.execute("delete from scenes where collection = $1", collection)
    await connection.execute("delete from followed_logs where collection = $1", collection)
