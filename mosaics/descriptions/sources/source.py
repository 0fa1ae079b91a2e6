"""What every source says, of whatever kind its archive is."""

from abc import ABC, abstractmethod

from pydantic import BaseModel, ConfigDict


class SourceDescription(BaseModel, ABC):
    """One collection of an archive, and the collection of ours that it is landed in.

    Each kind of archive has a model of its own with the fields it needs beside these.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

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
