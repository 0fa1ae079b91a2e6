"""What every source says, of whatever kind its archive is."""

from abc import ABC, abstractmethod
from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class SourceDescription(BaseModel, ABC):
    """One collection of an archive, and the collection of ours that it is landed in.

    Each kind of archive has a model of its own with the fields it needs beside these.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tells_revisions: ClassVar[bool] = False
    """Whether the archive can be asked for what it has added or changed since a time."""
    gives_parts: ClassVar[bool] = False
    """Whether the archive gives what lies under a box, without the rest of a file."""
    makes_parts: ClassVar[bool] = False
    """Whether the archive makes its files on demand, so that by default only the box is ordered."""

    kind: str
    """Of archive; a `Literal` in the model of each."""
    id: str
    title: str
    collection: str
    """Ours."""

    @property
    @abstractmethod
    def bands(self) -> tuple[str, ...]:
        """Our bands that it has, in the order of its file."""
