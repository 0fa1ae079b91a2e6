"""The process that runs a network: it reads patches from its input and writes what the network answers.

It is started as a file, with nothing of ours imported, and has no other way in or out. The first line of its
input says the model and the bounds (JSON), the first line of its output what the network takes and gives, or
why it cannot be loaded; patches and answers follow as bare float32.
"""

import hashlib
import json
import resource
import sys
from pathlib import Path
from typing import Any, BinaryIO

REFUSED = 3
"""The status it ends with where it has said why."""
UNLIKE = 4
"""The status it ends with where the network answers in another shape than is described."""


def main() -> int:
    """Serve one caller to the end of its input."""
    asked = json.loads(sys.stdin.buffer.readline())
    resource.setrlimit(resource.RLIMIT_AS, (asked["memory_bytes"], asked["memory_bytes"]))
    resource.setrlimit(resource.RLIMIT_CPU, (asked["cpu_s"], asked["cpu_s"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        session = _session(asked)
    except Refusal as refusal:
        return _say({"refused": str(refusal)}) or REFUSED
    taken, given = session.get_inputs(), session.get_outputs()
    _say({"inputs": [_told(each) for each in taken], "outputs": [_told(each) for each in given]})
    _serve(session, taken[0].name, asked, sys.stdin.buffer, sys.stdout.buffer)
    return 0


class Refusal(Exception):  # noqa: N818 - what it says is the whole answer
    """A network that cannot be run; the message says why."""


def _session(asked: dict[str, Any]) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise Refusal("onnxruntime is not installed; the extra tilewatch[models] has it") from error
    content = Path(asked["path"]).read_bytes()
    if hashlib.sha256(content).hexdigest() != asked["sha256"]:
        raise Refusal("the file is not the one that is described: its sha256 is another")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = asked["threads"]
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise Refusal(f"onnxruntime cannot load it: {str(error)[:300]}") from error


def _told(value: Any) -> dict[str, Any]:
    sides = [side if isinstance(side, int) else None for side in value.shape]
    return {"name": value.name, "type": value.type, "shape": sides}


def _serve(session: Any, name: str, asked: dict[str, Any], patches: BinaryIO, answers: BinaryIO) -> None:
    import numpy as np

    shape, answer_shape = tuple(asked["shape"]), asked["answer_shape"]
    size = 4 * int(np.prod(shape))
    while len(content := patches.read(size)) == size:
        (answer,) = session.run(None, {name: np.frombuffer(content, np.float32).reshape(shape)})[:1]
        if list(answer.shape) != answer_shape:
            sys.exit(UNLIKE)
        answers.write(np.ascontiguousarray(answer, np.float32).tobytes())
        answers.flush()


def _say(facts: dict[str, Any]) -> int:
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n")
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
