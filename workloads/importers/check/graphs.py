"""An ONNX graph, run by ONNX Runtime over inputs in its own layout."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.importers.check.runs import Numbers, SourceRun

_RECURRENT = ("LSTM", "GRU", "RNN", "DynamicQuantizeLSTM")
_ENDS = ("Softmax", "LogSoftmax", "Sigmoid", "ArgMax")


def run_graph(path: Path, output: str | None, inputs: Numbers, symbols: bool) -> SourceRun:
    """The graph over `inputs` as it takes them itself, `symbols` or vectors.

    BadInput where ONNX Runtime is absent, or refuses.
    """
    try:
        import onnx
        import onnxruntime  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        if error.name not in ("onnx", "onnxruntime"):
            raise
        raise BadInput(
            f"--check needs the package {error.name} to run an ONNX file: pip install {error.name}"
        ) from None
    model = onnx.load(path)
    read, every, answers = _wanted(onnx, model, output)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no class in common
        raise BadInput(f"--check: ONNX Runtime does not take the graph ({_first_line(error)})") from None
    results = _run(session, [read, *every, *answers], inputs)
    steps_first, hs = results[0].shape[:2], results[1 : 1 + len(every)]
    axes = 2 if symbols and inputs.ndim < 3 else 3
    given = inputs[:, None] if inputs.ndim == axes - 1 else inputs
    if given is inputs and _batch_first(session, read, inputs, steps_first):
        given = given.swapaxes(0, 1)
    if given.shape[:2] != steps_first:
        raise BadInput(f"--check: inputs {inputs.shape} are not the steps and sequences of the graph, {steps_first}")
    return SourceRun(
        "ONNX Runtime",
        _as_symbols(given) if symbols else given,
        tuple(h[:, k] for h in hs for k in range(h.shape[1])),
        tuple(results[1 + len(every) :]),
    )


def _as_symbols(given: Numbers) -> Numbers:
    """Symbols that were given as such, as floats, or as columns of which one is 1."""
    return given.argmax(-1) if given.ndim == 3 else given.astype(np.int64)


def _wanted(onnx: Any, model: Any, output: str | None) -> tuple[str, list[str], list[str]]:
    """Names of what the first recurrent node reads, of every h, and of the answers: outputs of the graph now."""
    nodes = [node for node in model.graph.node if node.op_type in _RECURRENT]
    if not nodes:
        raise BadInput("--check: the graph has no recurrent node")
    for k, node in enumerate(nodes):
        if not node.output[0]:
            node.output[0] = f"archsim_h_{k}"
    every = [node.output[0] for node in nodes]
    known = [item.name for item in model.graph.output]
    answers = [_before_ends(model, name) for name in ([output] if output else known)]
    for name in dict.fromkeys([nodes[0].input[0], *every, *answers]):
        if name not in known:
            model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    return nodes[0].input[0], every, answers


def _before_ends(model: Any, name: str) -> str:
    """The tensor that a softmax at the end of a graph reads: such ends are passed over."""
    made_by = {result: node for node in model.graph.node for result in node.output}
    while name in made_by and made_by[name].op_type in _ENDS:
        name = made_by[name].input[0]
    return name


def _run(session: Any, names: Sequence[str], inputs: Numbers) -> list[NDArray[Any]]:
    try:
        return list(session.run(list(names), dict(_feeds(session, inputs))))
    except BadInput:
        raise
    except Exception as error:  # its exceptions have no class in common
        raise BadInput(f"--check: ONNX Runtime cannot run the graph on {inputs.dtype} {inputs.shape}"
                       f" ({_first_line(error)})") from None  # fmt: skip


_TYPES = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16,
    "tensor(int64)": np.int64, "tensor(int32)": np.int32,
}  # fmt: skip


def _feeds(session: Any, inputs: Numbers) -> Iterator[tuple[str, NDArray[Any]]]:
    """`inputs` as the first input; states are zeros, and lengths are those of all."""
    main, *others = session.get_inputs()
    sizes = dict(zip(main.shape, inputs.shape, strict=False))
    yield main.name, inputs.astype(_TYPES.get(main.type, np.float32))
    for item in others:
        shape = [size if isinstance(size, int) else sizes.get(size, 1) for size in item.shape]
        dtype = _TYPES.get(item.type, np.float32)
        if np.dtype(dtype).kind == "i":
            raise BadInput(f"--check: the graph has an input {item.name!r} of integers beside {main.name!r}, and only "
                           "one array is given")  # fmt: skip
        yield item.name, np.zeros(shape, dtype)


def _batch_first(session: Any, read: str, inputs: Numbers, steps_first: tuple[int, ...]) -> bool:
    """Whether sequences are the first axis of `inputs`: the first recurrent node reads ``(T, B, size)``.

    Where both axes are as long, the graph is run again with one shorter. BadInput where it has fixed sizes then.
    """
    if inputs.shape[0] != inputs.shape[1] or len(inputs) == 1:
        return inputs.shape[:2] != steps_first
    for axis, shorter in enumerate((inputs[:-1], inputs[:, :-1])):
        with suppress(BadInput):
            same_steps = _run(session, [read], shorter)[0].shape[0] == len(inputs)
            return bool(same_steps == (axis == 0))
    raise BadInput(f"--check: inputs {inputs.shape} have as many steps as sequences, and the graph takes no other "
                   "sizes, so that nothing tells which axis is which")  # fmt: skip


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
