"""Descriptions of models: what NAME.toml beside NAME.onnx says, and whether it can be a model."""

import hashlib
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.products.mask import MaskRule
from app.validation import first_fault
from mosaics.collection import NAME, Color
from mosaics.descriptions.toml_files import ReadFiles, read_folders, read_table

MISSING = 255
"""Stored number of pixels without a class."""
MAX_PATCH = 2048
"""Pixels a side of a patch; a model with ten bands reads 170 MB of that at once."""


class ModelFileError(ValueError):
    """A file that does not describe a model; the message names file and field, and what would be right."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ModelClass(_Part):
    """What one channel of the answer means."""

    name: str = Field(min_length=1)
    """What the class is called in legends and statistics."""
    color: Color
    """Its colour, #rrggbb in small letters."""


class ModelDescription(_Part):
    """A network, what it reads, and what its answer means."""

    id: str = Field(pattern=NAME)
    """The name of its file."""
    title: str = Field(min_length=1)
    """A short name for people."""
    description: str = ""
    """What it tells and what it does not."""
    collection: str = Field(min_length=1)
    """The id of the collection whose scenes it reads."""
    bands: tuple[str, ...] = Field(min_length=1, max_length=32)
    """Bands of the collection in the order of the network's channels."""
    unit: str = "1"
    """The unit in which it expects them; "1" is reflectance from 0 to 1."""
    scale: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """What values are multiplied by first: 10000 where it expects reflectance so."""
    mean: tuple[float, ...] = ()
    """Subtracted then, one number a band; none subtracts nothing."""
    std: tuple[float, ...] = ()
    """Divided by then, one number a band; none divides by nothing."""
    fill: float = Field(default=0.0, allow_inf_nan=False)
    """The value, in the unit, of pixels that have none; their class is left out again."""
    pixel_m: float = Field(gt=0, allow_inf_nan=False)
    """Size of a pixel in metres; a whole multiple of that of the files."""
    patch: int = Field(ge=8, le=MAX_PATCH)
    """Pixels a side of what the network reads at once."""
    overlap: int = Field(ge=2)
    """Pixels that patches have in common with the next; there both are blended."""
    output: Literal["logits", "probabilities"]
    """What its channels are: numbers to take the softmax of, or shares that add up to 1."""
    classes: tuple[ModelClass, ...] = Field(min_length=2, max_length=MISSING)
    """What its channels mean, in order; their numbers are 0, 1, 2, …"""
    mask: tuple[MaskRule, ...] = ()
    """A pixel is read only where every rule keeps it, as in products."""
    license: str = Field(min_length=1)
    """SPDX identifier of the network's licence."""
    source: str = Field(min_length=1)
    """Where the network is from."""
    version: str = Field(min_length=1)
    """Of the network."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of NAME.onnx, in hex."""
    references: tuple[str, ...] = ()
    """Papers on it."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.bands)) < len(self.bands):
            raise ValueError("bands: each is named once")
        for name in ("mean", "std"):
            numbers = getattr(self, name)
            if numbers and len(numbers) != len(self.bands):
                raise ValueError(
                    f"{name}: give one number a band, {len(self.bands)}; these are {len(numbers)}"
                )
        if any(number <= 0 for number in self.std):
            raise ValueError("std: numbers to divide by are above 0")
        if self.overlap > self.patch // 2:
            raise ValueError(f"overlap: at most half of the patch, {self.patch // 2}; this is {self.overlap}")
        if any(rule.collection is not None or rule.parameter is not None for rule in self.mask):
            raise ValueError("mask: rules of a model look at bands of the same scene, without parameters")
        if len({row.name for row in self.classes}) < len(self.classes):
            raise ValueError("classes: each has a name of its own")
        return self

    @property
    def results(self) -> str:
        """The id of the collection that holds what it finds, and of the product that shows it."""
        return f"model-{self.id}"

    @property
    def digest(self) -> str:
        """sha256, in hex, of everything that decides about classes, and what they are called."""
        return hashlib.sha256(self.model_dump_json(exclude={"title", "description"}).encode()).hexdigest()


def read_model(path: Path) -> ModelDescription:
    """Read one .toml; the file's name is the model's id.

    Raises:
        ModelFileError: If the file is wrong.
    """
    document = read_table(path, ModelFileError)
    try:
        return ModelDescription.model_validate({**document, "id": path.stem})
    except ValidationError as error:
        raise ModelFileError(f"{path.name}: {_complaint(error)}") from error


def _complaint(error: ValidationError) -> str:
    place, reason = first_fault(error)
    if error.errors(include_url=False)[0]["type"] == "extra_forbidden":
        there_are = ", ".join(name for name in ModelDescription.model_fields if name != "id")
        return f"{place}: this is not a valid key; there are: {there_are}."
    return f"{place}: {reason}." if place else f"{reason}."


def read_models(folder: Path | None) -> ReadFiles[ModelDescription]:
    """Read the models of a folder; a wrong file is left out, see `ReadFiles.left_out`.

    Args:
        folder: Of the files NAME.toml and NAME.onnx; None where there is none.

    Raises:
        ModelFileError: If the folder does not exist.
    """
    return read_folders(() if folder is None else (folder,), read_model, ModelFileError, "models")
