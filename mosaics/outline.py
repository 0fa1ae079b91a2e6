"""The outline of a collection: what a server has to know of it at all times, however many scenes it has."""

import gzip
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from mosaics.commits import DAMAGED, Commit, LogError, LogState, Told
from mosaics.near_real_time import PREFIX
from mosaics.period import Period
from mosaics.seals import sealed, unsealed


class UntoldError(LogError):
    """A commit, of an earlier version, does not tell what an outline needs; its scenes would have to."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What a collection holds after a commit, but for its scenes."""

    number: int = 0
    """Of the last commit; 0 before the first."""
    mosaics: Mapping[Period, str] = field(default_factory=dict)
    """Key of each period's mosaic document."""
    synthetic: frozenset[Period] = frozenset()
    """Periods with scenes that were made up."""
    early: frozenset[Period] = frozenset()
    """Periods in which a scene in near real time stands in for one of the standard product."""
    small: frozenset[Period] = frozenset()
    """Periods whose mosaic has no file of its index; of others one is looked for."""
    digest: str | None = None
    """Of the last commit; None before the first."""

    @classmethod
    def of(cls, state: LogState, indexed_from: int) -> "Outline":
        """Return the outline of a state.

        Args:
            state: The state.
            indexed_from: Scenes of the smallest mosaic whose index has a file.
        """
        counts = Counter(scene.period for scene in state.scenes.values())
        return cls(
            state.number,
            state.mosaics,
            frozenset(scene.period for scene in state.scenes.values() if scene.synthetic),
            frozenset(scene.period for one, scene in state.scenes.items() if one.startswith(PREFIX)),
            frozenset(period for period in state.mosaics if counts[period] < indexed_from),
            state.digest,
        )

    def after(self, commits: Sequence[Commit]) -> "Outline":
        """Return the outline after the commits that follow this one.

        Raises:
            UntoldError: If one of them does not tell all that is needed.
        """
        if not commits:
            return self
        mosaics = dict(self.mosaics)
        sets = {name: set(getattr(self, name)) for name in Told.names()}
        for commit in commits:
            if commit.told is None:
                raise UntoldError(f"commit {commit.number} tells of its scenes alone")
            for text, key in commit.mosaics.items():
                period = Period.parse(text)
                if key is None:
                    mosaics.pop(period, None)
                else:
                    mosaics[period] = key
                for name, periods in sets.items():
                    is_told = key is not None and text in getattr(commit.told, name)
                    (periods.add if is_told else periods.discard)(period)
        last = commits[-1]
        frozen = {name: frozenset(periods) for name, periods in sets.items()}
        return Outline(last.number, MappingProxyType(mosaics), **frozen, digest=last.digest)

    def to_json(self) -> bytes:
        """Return the outline as it stands in storage; equal outlines give equal bytes."""
        document = {
            "number": self.number,
            "mosaics": {period.text: key for period, key in sorted(self.mosaics.items())},
            **{name: _texts(getattr(self, name)) for name in Told.names()},
            "digest": self.digest,
        }
        return gzip.compress(sealed(document), mtime=0)

    @classmethod
    def from_json(cls, data: bytes) -> "Outline":
        """Read what `to_json` wrote.

        Raises:
            LogError: If it is damaged.
        """
        try:
            document: dict[str, Any] = unsealed(gzip.decompress(data))
            periods = {text: Period.parse(text) for text in document["mosaics"]}
            mosaics = {periods[text]: key for text, key in document["mosaics"].items()}
            sets = {name: frozenset(periods[text] for text in document[name]) for name in Told.names()}
            number = int(document["number"])
        except DAMAGED as error:
            raise LogError(f"it is not an outline: {error!r:.200}") from error
        return cls(number, MappingProxyType(mosaics), **sets, digest=document.get("digest"))


def _texts(periods: Collection[Period]) -> list[str]:
    return [period.text for period in sorted(periods)]
