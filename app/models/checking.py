"""Checking a model: whether its network takes what the collection has, and gives what the file says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from app.models.description import ModelDescription
from app.models.runtime import Bounds, ModelRunError, RunningModel
from mosaics.descriptions.collections import CollectionDescription

SUM_TOLERANCE = 1e-3
FLOAT = "tensor(float)"


def problems_of(
    model: ModelDescription,
    folder: Path,
    collections: Mapping[str, CollectionDescription],
    bounds: Bounds,
) -> list[str]:
    """Return what does not fit, one sentence each; none where the model can be run.

    Args:
        model: The description.
        folder: Where NAME.onnx is.
        collections: By id.
        bounds: What the network may take on a trial patch.
    """
    found = _of_collection(model, collections)
    if not (folder / f"{model.id}.onnx").is_file():
        return [*found, f"there is no file {model.id}.onnx beside {model.id}.toml"]
    try:
        with RunningModel(model, folder, bounds) as network:
            return found + (_of_network(model, network.told) or _of_trial(model, network))
    except ModelRunError as error:
        return [*found, str(error)]


def _of_collection(model: ModelDescription, collections: Mapping[str, CollectionDescription]) -> list[str]:
    if model.collection not in collections:
        return [
            f"collection: {model.collection!r} is not a known collection; there are: {', '.join(collections)}"
        ]
    collection, found = collections[model.collection].collection, []
    for name in (*model.bands, *(rule.band for rule in model.mask)):
        if name not in collection.band_names:
            there_are = ", ".join(collection.band_names)
            found.append(f"bands: {model.collection!r} has no band {name!r}; there are: {there_are}")
    bands = {band.name: band for band in collection.bands}
    for name in (name for name in model.bands if name in bands):
        if bands[name].categorical:
            found.append(f"bands: the numbers of {name!r} are names of classes, not quantities")
        elif bands[name].unit != model.unit:
            found.append(f"unit: the model expects {model.unit!r}; band {name!r} is in {bands[name].unit!r}")
    return found


def _of_network(model: ModelDescription, told: Mapping[str, Any]) -> list[str]:
    inputs, (answer, *_) = told["inputs"], told["outputs"]
    if len(inputs) != 1:
        names = ", ".join(each["name"] for each in inputs)
        return [f"the network takes {len(inputs)} inputs ({names}); one of (1, bands, rows, columns) works"]
    side, classes = model.patch, len(model.classes)
    return [
        problem
        for what, field, value, sides in (
            ("takes", "bands", inputs[0], (1, len(model.bands), side, side)),
            ("gives", "classes", answer, (1, classes, side, side)),
        )
        if (problem := _unlike(what, field, value, sides))
    ]


def _unlike(what: str, field: str, value: Mapping[str, Any], sides: tuple[int, ...]) -> str | None:
    shape = value["shape"]
    if value["type"] != FLOAT:
        return f"the network {what} {value['type']}; {FLOAT} works"
    fits = len(shape) == 4 and all(a is None or a == b for a, b in zip(shape, sides, strict=True))
    if fits:
        return None
    return f"{field} and patch: the network {what} {_text(shape)}, and the file says {_text(sides)}"


def _text(shape: Any) -> str:
    return "(" + ", ".join("any" if side is None else str(side) for side in shape) + ")"


def _of_trial(model: ModelDescription, network: RunningModel) -> list[str]:
    answer = network.answer(np.zeros(network.shape, np.float32))
    if not np.isfinite(answer).all():
        return ["the network gives no finite numbers for a patch of zeros"]
    sums = answer.sum(axis=1)
    if model.output == "probabilities" and np.abs(sums - 1).max() > SUM_TOLERANCE:
        added = f"{sums.min():.3g} to {sums.max():.3g}"
        return [f'output: shares add up to 1, and these to {added} for a patch of zeros; is it "logits"?']
    return []
