"""Small networks and the files that describe them."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DARK = """
title = "Bright ground"
collection = "sentinel-2-l2a"
bands = ["red", "nir"]
pixel_m = 10
patch = 64
overlap = 16
output = "logits"
license = "MIT"
source = "made in a test"
version = "1"
sha256 = "{sha256}"

[[classes]]
name = "dark"
color = "#000080"

[[classes]]
name = "bright"
color = "#ffff00"

[[mask]]
band = "scl"
reject = [9]
label = "cloud"
"""
"""Dark where red is below 0.15, bright above."""


def threshold_network(path: Path, *, bands: int = 2, side: int | str = 64, output: str = "answer") -> str:
    """Write a network that gives 0 and 10 * (first band - 0.15); return its sha256."""
    weights = np.zeros((2, bands, 1, 1), np.float32)
    weights[1, 0] = 10.0
    nodes = [helper.make_node("Conv", ["patch", "weights", "bias"], ["answer"])]
    if output == "shares":
        nodes.append(helper.make_node("Softmax", ["answer"], ["shares"], axis=1))
    graph = helper.make_graph(
        nodes,
        "threshold",
        [helper.make_tensor_value_info("patch", TensorProto.FLOAT, ["n", bands, side, side])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", 2, side, side])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([0, -1.5], np.float32), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return hashlib.sha256(path.read_bytes()).hexdigest()


def garbage(_folder: Path) -> bytes:
    """Bytes that are not a network."""
    return b"not a network" * 100


def reading_another_file(folder: Path) -> bytes:
    """A network whose weights are to be read from a file of the machine."""
    np.zeros(4, np.float32).tofile(folder / "weights.bin")
    weights = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[4])
    weights.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", "16")):
        weights.external_data.add(key=key, value=value)
    sides = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in ("a", "b")}
    node = helper.make_node("Add", ["a", "weights"], ["b"])
    graph = helper.make_graph([node], "graph", [sides["a"]], [sides["b"]], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def write_model(folder: Path, name: str, text: str = DARK, **network: object) -> None:
    """Write NAME.onnx and NAME.toml, which describes it."""
    digest = threshold_network(folder / f"{name}.onnx", **network)  # type: ignore[arg-type]
    (folder / f"{name}.toml").write_text(text.replace("{sha256}", digest))
