"""Finding a model by its name, and telling what is missing where there is none."""

from importlib.util import find_spec
from pathlib import Path

from app.models.description import ModelDescription, read_models
from app.models.runtime import Bounds
from app.settings import Settings


class NoModelsError(Exception):
    """This deployment runs no models; the message says what it needs."""


class UnknownModelError(LookupError):
    """No model has this name, or its file is wrong; the message says which there are, or what is wrong."""


def folder_of(settings: Settings) -> Path:
    """Return the folder of models.

    Raises:
        NoModelsError: If none is set, or ONNX Runtime is not installed.
    """
    if settings.models is None:
        raise NoModelsError(
            "there are no models; put NAME.toml and NAME.onnx into a folder and set TILEWATCH_MODELS to it"
        )
    if find_spec("onnxruntime") is None:
        raise NoModelsError("models need ONNX Runtime; install it with: pip install 'tilewatch[models]'")
    return settings.models


def model_of(settings: Settings, name: str) -> ModelDescription:
    """Return the model of a name.

    Raises:
        NoModelsError: If there are none.
        UnknownModelError: If there is none of that name, or its file is wrong.
        ModelFileError: If the folder does not exist.
    """
    found = read_models(folder_of(settings))
    if name in found.left_out:
        raise UnknownModelError(f"model {name!r} is left out: {found.left_out[name].reason}")
    if name not in found:
        raise UnknownModelError(f"no model {name[:80]!r}; there are: {', '.join(found) or 'none'}")
    return found[name]


def bounds_of(settings: Settings) -> Bounds:
    """Return what a network may take."""
    return Bounds(settings.model_threads, settings.model_memory_bytes, settings.model_time_s)
