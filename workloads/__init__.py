"""Networks: trained models and their numpy reference, tasks, training, and the integers that they become.

A person's own network, from a file of PyTorch, ONNX or Keras to what is measured and recorded of it::

    task = workloads.own_task("classification", "x.npz", inputs="x", targets="y", layout="sequences, steps, features")
    task.save("mine.toml")
    model = workloads.import_model("mine.onnx").with_task("mine.toml")
    model.save("mine.safetensors")
    small = workloads.quantize(model, weight_bits=4, activation_bits=8)
    workloads.accuracy(model), workloads.accuracy(small)
    trace = workloads.record_trace(small, sequences=8)
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "Choices": "workloads.importers",
    "Formats": "workloads.importers",
    "IntegerModel": "workloads.fixed_point",
    "Model": "workloads.model",
    "accuracy": "workloads.interface",
    "import_model": "workloads.importers",
    "import_with_report": "workloads.importers",
    "load_model": "workloads.interface",
    "own_task": "workloads.tasks",
    "quantize": "workloads.interface",
    "record_trace": "workloads.interface",
}
"""Public names, each with the module that defines it; their types are in ``__init__.pyi``."""

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used (PEP 562)."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
