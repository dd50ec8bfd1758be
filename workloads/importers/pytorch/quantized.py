"""What torch's dynamic quantization leaves in a state dict: packed weights, read at their own integers.

Layers are packed into objects of C++, whose stored form is tuples of tensors (``__getstate__`` of CellParamsBase and
LinearPackedParamsBase in aten/src/ATen/native/quantized). Here a `Packed` takes their place, which only keeps the
tuple: nothing of PyTorch's classes runs.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archsim.errors import BadInput
from workloads.importers.pytorch.names import shown


class Packed:
    """Stands for a ``torch.ScriptObject`` in a file: its state, and nothing else."""

    state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


@dataclass(frozen=True)
class _Parts:
    """The weight of one product and its bias, whatever they are."""

    weight: object
    bias: object


def is_quantized(name: str) -> bool:
    """Whether a name is one that torch's dynamic quantization gives to a recurrent module's weights."""
    return _RECURRENT.fullmatch(name) is not None


_RECURRENT = re.compile(
    r"(?P<module>(?:.*\.)?)(?:_all_weight_values\.(?P<index>[0-9]{1,4})\.param|_packed_weight_(?P<way>ih|hh))",
    re.DOTALL,
)
_LINEAR = re.compile(r"(?P<module>(?:.*\.)?)_packed_params\._packed_params", re.DOTALL)
_BESIDE = ("scale", "zero_point", "_packed_params.dtype")


def unpacked(state_dict: Mapping[str, object]) -> dict[str, object]:
    """The same with plain names: tensors in the place of what they were packed into. BadInput where it is not known."""
    linears = {m["module"] for name in state_dict if (m := _LINEAR.fullmatch(name))}
    modules = {m["module"] for name in state_dict if (m := _RECURRENT.fullmatch(name)) and m["index"]}
    if not linears and not modules and not any(map(is_quantized, state_dict)):
        return dict(state_dict)
    plain: dict[str, object] = {}
    for name, value in state_dict.items():
        recurrent, linear = _RECURRENT.fullmatch(name), _LINEAR.fullmatch(name)
        if recurrent and recurrent["index"]:
            if recurrent["module"] in modules:
                modules.remove(recurrent["module"])
                plain |= _layers(recurrent["module"], state_dict)
        elif recurrent:
            parts = _product(name, value)
            way = recurrent["way"]
            plain |= _present({f"{recurrent['module']}weight_{way}": parts.weight,
                               f"{recurrent['module']}bias_{way}": parts.bias})  # fmt: skip
        elif linear:
            _check_dynamic(linear["module"], state_dict)
            parts = _pair(name, value)
            plain |= _present({f"{linear['module']}weight": parts.weight, f"{linear['module']}bias": parts.bias})
        elif not any(name == f"{module}{what}" for module in linears for what in _BESIDE):
            plain[name] = value
    return plain


def _layers(module: str, state_dict: Mapping[str, object]) -> dict[str, object]:
    """The tensors of an nn.LSTM or nn.GRU by the names that it has when it is not quantized."""
    cells: list[tuple[_Parts, _Parts]] = []
    while (name := f"{module}_all_weight_values.{len(cells)}.param") in state_dict:
        cells.append(_cell(name, state_dict[name]))
    plain: dict[str, object] = {}
    for suffix, (inputs, recurrent) in zip(_suffixes(module, cells), cells, strict=True):
        plain |= _present({
            f"{module}weight_ih{suffix}": inputs.weight, f"{module}weight_hh{suffix}": recurrent.weight,
            f"{module}bias_ih{suffix}": inputs.bias, f"{module}bias_hh{suffix}": recurrent.bias,
        })  # fmt: skip
    return plain


def _suffixes(module: str, cells: list[tuple[_Parts, _Parts]]) -> Iterator[str]:
    """``_l0``, ``_l0_reverse`` and so on: a second direction is seen from what the layers read."""
    widths = [(_columns(inputs), _columns(recurrent)) for inputs, recurrent in cells]
    one = all(width == hidden for width, hidden in widths[1:])
    two = (
        len(cells) % 2 == 0
        and widths[0][0] == widths[1][0]
        and all(width == 2 * hidden for width, hidden in widths[2:])
    )
    if one and two:
        raise BadInput(f"{module}_all_weight_values may be two layers or two directions of one: import the "
                       "state dict from before quantization")  # fmt: skip
    if not one and not two:
        raise BadInput(f"{module}_all_weight_values: its layers do not read each other's outputs")
    for k in range(len(cells)):
        yield f"_l{k}" if one else f"_l{k // 2}{'_reverse' if k % 2 else ''}"


def _columns(parts: _Parts) -> int:
    shape = tuple(getattr(parts.weight, "shape", ()))  # of a tensor; a broken file may hold anything
    return int(shape[1]) if len(shape) == 2 else -1


def _cell(name: str, value: object) -> tuple[_Parts, _Parts]:
    """Both products of a layer: ``(kind, biases, scales, numbers, [W_x, W_h])``."""
    state = _state(name, value)
    if len(state) == 5 and isinstance(state[4], list) and len(state[4]) == 2:
        inputs, recurrent = (_product(name, packed) for packed in state[4])
        return inputs, recurrent
    raise _unknown(name)


def _product(name: str, value: object) -> _Parts:
    return _pair(name, _state(name, value))


def _state(name: str, value: object) -> tuple[Any, ...]:
    """What `Packed` stands for: a state, and the name of its class, which is left out."""
    if isinstance(value, Packed) and isinstance(value.state, tuple) and value.state:
        state = value.state[0]
        if isinstance(state, tuple):
            return state
    raise _unknown(name)


def _pair(name: str, value: object) -> _Parts:
    if isinstance(value, tuple) and len(value) == 2:
        return _Parts(*value)
    raise _unknown(name)


def _unknown(name: str) -> BadInput:
    return BadInput(f"tensor {shown(name)} is packed in a way that is not known: import the state dict from before "
                    "quantization")  # fmt: skip


def _check_dynamic(module: str, state_dict: Mapping[str, object]) -> None:
    """BadInput where a linear module rounds what it puts out: its scale is 1 where quantization is dynamic."""
    for what, value in (("scale", 1), ("zero_point", 0)):
        if f"{module}{what}" in state_dict and not _is_number(state_dict[f"{module}{what}"], value):
            raise BadInput(f"tensor {shown(module + what)} must be {value}, as dynamic quantization leaves it: static "
                           "quantization is not read, import the state dict from before it")  # fmt: skip


def _is_number(tensor: Any, number: int) -> bool:
    try:
        return bool(tensor.numel() == 1 and tensor.item() == number)
    except (AttributeError, RuntimeError):  # no tensor, or one without numbers
        return False


def _present(tensors: Mapping[str, object]) -> dict[str, object]:
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}
