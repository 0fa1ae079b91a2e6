"""What a log is made of: commits, and the state of a collection after them, as they stand in storage."""

import gzip
import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from mosaics.document import SceneRecord
from mosaics.near_real_time import PREFIX
from mosaics.period import Period, instant_text, parse_instant
from mosaics.seals import digest_of, sealed, unsealed

DAMAGED = (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading bytes raises that are not, or not all of, the gzipped JSON they should be."""


class LogError(Exception):
    """A log that cannot be followed: a commit is damaged, missing or not the next; the message names it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a commit tells readers that keep no scenes: periods of the mosaics it names, as texts."""

    synthetic: frozenset[str]
    """Those with scenes that were made up."""
    early: frozenset[str]
    """Those in which a scene in near real time stands in for one of the standard product."""
    small: frozenset[str]
    """Those that have no file of their index."""

    @staticmethod
    def names() -> tuple[str, ...]:
        """Return the names of what is told."""
        return ("synthetic", "early", "small")

    def to_json(self) -> dict[str, list[str]]:
        """Return it as it stands in commits."""
        return {name: sorted(getattr(self, name)) for name in self.names()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Told":
        """Read what `to_json` wrote; KeyError or TypeError if something is missing or wrong."""
        return cls(**{name: frozenset(map(str, document[name])) for name in cls.names()})

    @classmethod
    def of(cls, shown: Mapping[str, Collection[SceneRecord]], indexed_from: int) -> "Told":
        """Return what is to be told of mosaics.

        Args:
            shown: The scenes of each.
            indexed_from: Scenes of the smallest mosaic whose index has a file.
        """
        return cls(
            frozenset(one for one, scenes in shown.items() if any(scene.synthetic for scene in scenes)),
            frozenset(
                one for one, scenes in shown.items() if any(scene.id.startswith(PREFIX) for scene in scenes)
            ),
            frozenset(one for one, scenes in shown.items() if len(scenes) < indexed_from),
        )


@dataclass(frozen=True, slots=True)
class Commit:
    """One change of a collection."""

    number: int
    id: str
    """Random; tells a writer its own commit from a rival's of the same number."""
    time: datetime
    """When it was made, UTC."""
    added: tuple[SceneRecord, ...]
    removed: tuple[str, ...]
    """Ids of scenes that are gone; a scene that was replaced stands in `added` alone."""
    mosaics: Mapping[str, str | None]
    """New mosaic of each period touched, by the period's text: its key, or None where none is left."""
    before: str | None = None
    """Digest of the commit before it; None for the first, and where the version that wrote it gave none."""
    digest: str = field(default="", compare=False)
    """Of its own bytes, as it was read or written."""
    told: Told | None = None
    """None where the version that wrote it told nothing."""

    def to_json(self) -> bytes:
        """Return the commit as it stands in storage."""
        return sealed(
            {
                "number": self.number,
                "id": self.id,
                "time": instant_text(self.time),
                "added": [record.to_json() for record in self.added],
                "removed": list(self.removed),
                "mosaics": dict(self.mosaics),
                "before": self.before,
                **({} if self.told is None else {"told": self.told.to_json()}),
            }
        )

    @classmethod
    def from_json(cls, data: bytes) -> "Commit":
        """Read what `to_json` wrote.

        Raises:
            LogError: If it is not a commit.
        """
        try:
            document = unsealed(data)
            return cls(
                document["number"],
                document["id"],
                parse_instant(document["time"]),
                tuple(SceneRecord.from_json(record) for record in document["added"]),
                tuple(document["removed"]),
                {Period.parse(text).text: key for text, key in document["mosaics"].items()},
                document.get("before"),
                digest_of(data),
                Told.from_json(document["told"]) if "told" in document else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise LogError(f"it is not a commit: {error!r:.200}") from error


@dataclass(frozen=True, slots=True)
class StoredScene:
    """What a log's state keeps of a scene."""

    item_key: str
    period: Period
    synthetic: bool


@dataclass(frozen=True, slots=True)
class LogState:
    """What a collection holds after a commit."""

    number: int = 0
    """Of the last commit; 0 before the first."""
    scenes: Mapping[str, StoredScene] = field(default_factory=dict)
    """By scene id."""
    mosaics: Mapping[Period, str] = field(default_factory=dict)
    """Key of each period's mosaic document."""
    digest: str | None = None
    """Of the last commit; None before the first, and in checkpoints of versions that did not write it."""

    def after(self, commits: Sequence[Commit]) -> "LogState":
        """Return the state after the commits that follow this one."""
        if not commits:
            return self
        scenes, mosaics = dict(self.scenes), dict(self.mosaics)
        for commit in commits:
            for scene_id in commit.removed:
                scenes.pop(scene_id, None)
            for record in commit.added:
                scenes[record.id] = StoredScene(record.item_key, record.period, record.synthetic)
            for text, key in commit.mosaics.items():
                if key is None:
                    mosaics.pop(Period.parse(text), None)
                else:
                    mosaics[Period.parse(text)] = key
        last = commits[-1]
        return LogState(last.number, MappingProxyType(scenes), MappingProxyType(mosaics), last.digest)

    def to_checkpoint(self) -> bytes:
        """Return the state as a checkpoint; equal states give equal bytes."""
        document = {
            "number": self.number,
            "scenes": {
                scene_id: [scene.item_key, scene.period.text, scene.synthetic]
                for scene_id, scene in sorted(self.scenes.items())
            },
            "mosaics": {period.text: key for period, key in sorted(self.mosaics.items())},
            "digest": self.digest,
        }
        return gzip.compress(_json(document), mtime=0)

    @classmethod
    def from_checkpoint(cls, data: bytes) -> "LogState":
        """Read what `to_checkpoint` wrote.

        Raises:
            LogError: If it is damaged.
        """
        try:
            document = json.loads(gzip.decompress(data))
            periods = {text: Period.parse(text) for text in {row[1] for row in document["scenes"].values()}}
            scenes = {
                scene_id: StoredScene(item_key, periods[text], synthetic)
                for scene_id, (item_key, text, synthetic) in document["scenes"].items()
            }
            mosaics = {Period.parse(text): key for text, key in document["mosaics"].items()}
            shown = MappingProxyType(scenes), MappingProxyType(mosaics)
            return cls(int(document["number"]), *shown, document.get("digest"))
        except DAMAGED as error:
            raise LogError(f"it is not a checkpoint: {error!r:.200}") from error


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
