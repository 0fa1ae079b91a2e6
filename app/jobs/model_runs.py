"""Requests for runs of models: a network that names the class of each pixel of a region, as a job."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.jobs.aoi import Aoi, Toi
from mosaics.collection import NAME


class ModelRunRequest(BaseModel):
    """Classes to find in a region by a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    aoi: Aoi
    toi: Toi = Field(description="A period of the model's collection, or an interval within one.")
    model: Annotated[str, Field(pattern=NAME, description="A model of /models.")]
    probability: bool = Field(default=False, description="Also land the share that the class has.")

    @property
    def words(self) -> tuple[str, ...]:
        """The request as options of the command."""
        options = (f"--bbox={self.aoi:.12g}", f"--datetime={self.toi}")
        more = ("--probability",) if self.probability else ()
        return ("models", "run", "--json", *options, *more, "--", self.model)
