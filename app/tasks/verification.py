"""Verification: the files in storage are read in turn, and what is damaged is mended where it may be.

What was verified when stands in the database, so that another process, or this one after a restart, goes on
where it was left. Mending fetches from archives, which is the command line's: `tilewatch verify --repair`.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from app.database import Database
from app.jobs.subprocess import CommandLine, Event
from app.settings import MEGABYTE, Settings
from app.tasks.task import StillLeading
from app.tasks.verified_items import (
    Listed,
    due_items,
    enlist,
    forget_mosaic,
    items_to_mend,
    keep_collections,
    meet_mosaics,
    met_mosaics,
    note_tried,
    note_verified,
)
from mosaics.catalogue import Catalogue
from mosaics.commits import LogError
from mosaics.document import MosaicDocumentError, read_mosaic
from mosaics.log import follow_log
from mosaics.repairing import rebuild_mosaic
from mosaics.storage import ObjectNotFoundError, Storage
from mosaics.verifying import Pace, verify_items

log = logging.getLogger(__name__)

RUN_S = 50.0
"""How long a run begins with further items; it is due every minute."""
AT_ONCE = 8
"""Items taken off the list together."""
MENDED_A_RUN = 2
"""Items that a run tries to mend: each may take minutes to fetch."""
TRIED_AGAIN = timedelta(days=1)
"""After how long it is tried again to mend what could not be."""
MENDING_S = 1800.0
"""How long mending one item may take; what was fetched stays, and the next try goes on with it."""
REASON_CHARACTERS = 300


@dataclass
class Verification:
    """Reads the files in storage in turn.

    Args:
        database: Where it stands what was verified.
        storage: Where the files lie.
        catalogue: Which there are.
        command_line: Mends; None if nothing is to be mended.
        bytes_per_s: The most that is read in a second.
        again: How long what was verified is not read again.
    """

    database: Database
    storage: Storage
    catalogue: Catalogue
    command_line: CommandLine | None
    bytes_per_s: float
    again: timedelta
    _enlisted: dict[str, int] = field(default_factory=dict)
    """Up to which commit the list is, by collection."""
    _overviews: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Keys of the items of overviews, by the key of the mosaic that names them."""

    @classmethod
    def of(
        cls, settings: Settings, database: Database, catalogue: Catalogue, command_line: CommandLine
    ) -> "Verification":
        """Return the verification that the settings ask for."""
        return cls(
            database,
            catalogue.storage,
            catalogue,
            command_line if settings.verify_repair else None,
            settings.verify_mb_per_s * MEGABYTE,
            timedelta(days=settings.verify_days),
        )

    async def run(self, still_leading: StillLeading) -> Mapping[str, Any]:
        """Verify some files, those first that were verified longest ago, and mend some that are damaged."""
        await still_leading()
        await self._enlist()
        verified, damaged = set[str](), 0
        began, pace = time.monotonic(), Pace(self.bytes_per_s)
        while time.monotonic() - began < RUN_S:
            async with self.database.connection() as connection:
                due = await due_items(connection, self.again, AT_ONCE)
            if not due or due[0].key in verified:
                break
            for one in due:
                damaged += await self._verify(one, pace, still_leading)
                verified.add(one.key)
                if time.monotonic() - began >= RUN_S:
                    break
        mended = await self._mend(still_leading)
        return {"verified": len(verified), "bytes": pace.size_bytes, "damaged": damaged, "mended": mended}

    async def rebuild_mosaics(self, still_leading: StillLeading) -> Mapping[str, Any]:
        """Rebuild damaged mosaics that any process has met, as far as their scenes are known."""
        await still_leading()
        async with self.database.connection() as connection:
            await meet_mosaics(connection, self.catalogue.damaged_mosaics())
            met = await met_mosaics(connection, AT_ONCE)
        rebuilt = []
        for one in met:
            await still_leading()
            try:
                key = await rebuild_mosaic(self.storage, one.collection, one.key)
            except LogError as error:
                log.warning("mosaic %s is not rebuilt: %s", one.key, error)
            else:
                rebuilt += [] if key is None else [key]
            async with self.database.connection() as connection:
                await forget_mosaic(connection, one.key)  # met again, it is noted again
        return {"rebuilt": rebuilt}

    async def _verify(self, one: Listed, pace: Pace, still_leading: StillLeading) -> int:
        """Verify the files of an item; return how many are damaged."""
        found = await verify_items(self.storage, [one.key], pace)
        await still_leading()
        async with self.database.connection() as connection:
            await note_verified(connection, one.key, found.damaged)
        for key, reason in found.damaged.items():
            log.error("%s is damaged: %s", key, reason)
        return len(found.damaged)

    async def _enlist(self) -> None:
        """Bring the list of items up to what there is."""
        outlines = self.catalogue.outlines()
        for collection, outline in outlines.items():
            if self._enlisted.get(collection) == outline.number:
                continue
            state, _ = await follow_log(self.storage, collection, checked=False)
            keys = [scene.item_key for scene in state.scenes.values()]
            for mosaic_key in state.mosaics.values():
                keys += await self._overviews_of(mosaic_key)
            async with self.database.connection() as connection:
                await enlist(connection, collection, keys)
            self._enlisted[collection] = outline.number
        if self._enlisted.keys() != outlines.keys():
            async with self.database.connection() as connection:
                await keep_collections(connection, list(outlines))
            self._enlisted = {one: self._enlisted[one] for one in outlines}
        in_use = {key for outline in outlines.values() for key in outline.mosaics.values()}
        self._overviews = {key: keys for key, keys in self._overviews.items() if key in in_use}

    async def _overviews_of(self, mosaic_key: str) -> tuple[str, ...]:
        if mosaic_key not in self._overviews:
            try:
                document = await asyncio.to_thread(
                    read_mosaic, mosaic_key, await self.storage.get(mosaic_key)
                )
            except (MosaicDocumentError, ObjectNotFoundError):
                return ()
            self._overviews[mosaic_key] = tuple(one.item_key for one in document.overviews)
        return self._overviews[mosaic_key]

    async def _mend(self, still_leading: StillLeading) -> int:
        """Try to mend some items; return how many were."""
        if self.command_line is None:
            return 0
        async with self.database.connection() as connection:
            broken = await items_to_mend(connection, TRIED_AGAIN, MENDED_A_RUN)
        mended = 0
        for one in broken:
            await still_leading()
            reason = await self._mend_item(self.command_line, one)
            mended += reason is None
            async with self.database.connection() as connection:
                await note_tried(connection, one.key, reason)
        return mended

    async def _mend_item(self, command_line: CommandLine, one: Listed) -> str | None:
        """Mend an item by a process of its own; return why it could not be, None if it was."""
        said: list[str] = []

        def hear(event: Event) -> None:
            if event.get("event") == "log" and "not mended" in str(event.get("text")):
                said.append(str(event["text"]))

        rate = self.bytes_per_s / 1e6
        words = ("verify", "--repair", "--json", f"--rate={rate:g}", f"--item={one.key}", "--")
        try:
            async with asyncio.timeout(MENDING_S):
                ended = await command_line.run([*words, one.collection], hear)
        except TimeoutError:
            return f"it took more than {MENDING_S:.0f} s; the next try goes on"
        if ended.status == 0:
            log.warning("the damaged files of %s are mended", one.key)
            return None
        log.warning("%s could not be mended: %s", one.key, said or ended.stderr[-REASON_CHARACTERS:])
        return said[0].partition("not mended: ")[2][:REASON_CHARACTERS] if said else "mending failed"
