"""A trained network: its task, its cell, its packed weights and its readout. The numpy reference of everything else.

One file, safetensors: packed codes as bytes, scales as float32, and a JSON config in the metadata. No pickle.

=================== ======= ==================================================================
tensor              type    what
=================== ======= ==================================================================
recurrent_weight    uint8   codes of W_h ``(4H, H)``, packed by its format
input_weight        uint8   codes of W_x ``(4H, V)``, packed by its format
readout_weight      uint8   codes of the readout ``(V, H)``, packed by its format
scale_recurrent     float32 ``(4H,)`` scale of a row of W_h h: batch norm times the format's scale
scale_input         float32 ``(4H,)`` scale of a row of W_x x
shift               float32 ``(4H,)`` bias less the scaled means of both products
readout_scale       float32 ``(1,)`` scale of the readout's codes
readout_bias        float32 ``(V,)``
=================== ======= ==================================================================
"""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from archsim.trace import BadInput, explain, whole_file
from workloads import cells, formats, tasks
from workloads.cells.lstm import Floats, State
from workloads.formats import WeightFormat

VERSION = 1


class Config(BaseModel):
    """What a model is, beside its numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = VERSION
    name: str = Field(min_length=1)
    task: Annotated[str, AfterValidator(lambda name: tasks.by_name(name).name)]
    cell: Annotated[str, AfterValidator(lambda name: cells.by_name(name).name)]
    hidden: int = Field(ge=1)
    symbols: int = Field(ge=1, le=256)
    weight_format: Annotated[str, AfterValidator(lambda name: formats.by_name(name).name)]
    readout_format: Annotated[str, AfterValidator(lambda name: formats.by_name(name).name)]
    state_bits: int | None = Field(default=None, ge=2, le=16, description="Q0.n of the hidden state; None: float")
    threshold: float = Field(default=0.0, ge=0.0, lt=1.0, description="|h| below it is zero")

    @model_validator(mode="after")
    def _symbols_of_the_task(self) -> Self:
        expected = tasks.by_name(self.task).symbols
        if self.symbols != expected:
            raise ValueError(f"symbols must be {expected}, as in {self.task}, not {self.symbols}")
        return self


@dataclass(frozen=True, eq=False)
class Model:
    """One recurrent layer over one-hot symbols, and a readout that sees the pruned, quantized h as the recurrence does.

    Arrays are read-only. Raises BadInput where their sizes do not fit the config.
    """

    config: Config
    recurrent_codes: NDArray[np.generic]  # (4H, H)
    input_codes: NDArray[np.generic]  # (4H, V)
    readout_codes: NDArray[np.generic]  # (V, H)
    scale_recurrent: NDArray[np.float32]  # (4H,)
    scale_input: NDArray[np.float32]  # (4H,)
    shift: NDArray[np.float32]  # (4H,)
    readout_scale: NDArray[np.float32]  # (1,)
    readout_bias: NDArray[np.float32]  # (V,)

    def __post_init__(self) -> None:
        for name, shape in _shapes(self.config).items():
            array = getattr(self, name)
            if array.shape != shape:
                raise BadInput(f"model {self.name}: {name} must have shape {shape}, not {array.shape}")
            if not np.all(np.isfinite(array)):
                raise BadInput(f"model {self.name}: {name} must hold finite numbers only")
            array.flags.writeable = False

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def task(self) -> str:
        return self.config.task

    @property
    def hidden(self) -> int:
        return self.config.hidden

    @property
    def symbols(self) -> int:
        return self.config.symbols

    @property
    def state_bits(self) -> int | None:
        return self.config.state_bits

    @property
    def threshold(self) -> float:
        return self.config.threshold

    @property
    def weight_format(self) -> WeightFormat:
        return formats.by_name(self.config.weight_format)

    @property
    def readout_format(self) -> WeightFormat:
        return formats.by_name(self.config.readout_format)

    @property
    def gate_weight_bytes(self) -> int:
        """Bytes of W_h and W_x alone, packed: what RBT's tables call the size of a model."""
        packed = self._tensors
        return packed["recurrent_weight"].nbytes + packed["input_weight"].nbytes

    @property
    def weight_bytes(self) -> int:
        """Bytes of everything that inference reads: packed gates and readout, row scales and shifts, readout bias and
        scale at four bytes each."""
        return sum(array.nbytes for array in self._tensors.values())

    @cached_property
    def sha256(self) -> str:
        """Digest of the config (threshold included) and of every tensor."""
        digest = hashlib.sha256(self._config_json.encode())
        for name, array in sorted(self._tensors.items()):
            digest.update(name.encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    def with_threshold(self, threshold: float) -> "Model":
        """The same weights, pruned at another threshold."""
        try:
            config = Config.model_validate(self.config.model_dump() | {"threshold": threshold})
        except ValidationError as error:
            raise BadInput(f"model {self.name}: {explain(error)}") from None
        return replace(self, config=config)

    def states(
        self, symbols: NDArray[np.uint8], state: State | None = None, dtype: DTypeLike = np.float32
    ) -> tuple[Floats, State]:
        """h of every step ``(T, B, H)`` over `symbols` ``(T, B)``, pruned and quantized, and the state after the last.

        The state is ``(h, c)``, each ``(B, H)``; None is all zeros.
        """
        cell = cells.by_name(self.config.cell)
        folded = cell.fold(
            self.recurrent_codes, self.input_codes, self.scale_recurrent, self.scale_input, self.shift, dtype
        )
        return cell.run(folded, symbols, state, self.threshold, self.state_bits)

    def readout(self, states: Floats) -> Floats:
        """Logits ``(..., V)`` of pruned states ``(..., H)``, in their type."""
        weight = self.readout_codes.T.astype(states.dtype) * self.readout_scale.astype(states.dtype)
        logits: Floats = states @ weight
        logits += self.readout_bias
        return logits

    def run(
        self, symbols: NDArray[np.uint8], state: State | None = None, dtype: DTypeLike = np.float32
    ) -> tuple[Floats, State]:
        """Logits ``(T, B, V)`` over `symbols` ``(T, B)`` and the state after the last step (`states`)."""
        states, state = self.states(symbols, state, dtype)
        return self.readout(states), state

    def save(self, path: Path) -> None:
        """Write one file, whole or not at all."""
        with whole_file(path) as part:
            part.write_bytes(save(self._tensors, metadata={"archsim": self._config_json}))

    @classmethod
    def load(cls, path: Path) -> "Model":
        """A validated model; BadInput names the file and the rule it breaks."""
        try:
            with safe_open(path, framework="numpy") as stored:
                config = _config(stored.metadata())
                return _unpacked(config, {name: stored.get_tensor(name) for name in stored.keys()})  # noqa: SIM118
        except FileNotFoundError:
            raise BadInput(f"{path}: no such model file") from None
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None
        except (SafetensorError, OSError) as error:
            raise BadInput(f"{path}: is not a whole safetensors file ({error})") from None

    @property
    def _config_json(self) -> str:
        return json.dumps(self.config.model_dump(mode="json"), sort_keys=True)

    @cached_property
    def _tensors(self) -> dict[str, NDArray[Any]]:
        packed = {name: fmt.pack(getattr(self, codes)) for name, (codes, fmt) in _packed(self.config).items()}
        return packed | {name: getattr(self, name) for name in _FLOATS}


_FLOATS = ("scale_recurrent", "scale_input", "shift", "readout_scale", "readout_bias")


def _packed(config: Config) -> dict[str, tuple[str, WeightFormat]]:
    """Stored name of each packed matrix, the field its codes live in, and its format."""
    gates, readout = formats.by_name(config.weight_format), formats.by_name(config.readout_format)
    return {
        "recurrent_weight": ("recurrent_codes", gates),
        "input_weight": ("input_codes", gates),
        "readout_weight": ("readout_codes", readout),
    }


def _shapes(config: Config) -> dict[str, tuple[int, ...]]:
    rows = cells.by_name(config.cell).rows_per_unit * config.hidden
    return {
        "recurrent_codes": (rows, config.hidden),
        "input_codes": (rows, config.symbols),
        "readout_codes": (config.symbols, config.hidden),
        "scale_recurrent": (rows,),
        "scale_input": (rows,),
        "shift": (rows,),
        "readout_scale": (1,),
        "readout_bias": (config.symbols,),
    }


def _config(metadata: dict[str, str] | None) -> Config:
    try:
        raw = json.loads((metadata or {})["archsim"])
    except (KeyError, ValueError):
        raise BadInput("metadata must hold the config of an archsim model under 'archsim'") from None
    version = raw.get("version") if isinstance(raw, dict) else None
    if version != VERSION:
        raise BadInput(f"model version must be {VERSION}, not {version}")
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise BadInput(f"config: {explain(error)}") from None


def _unpacked(config: Config, tensors: dict[str, NDArray[Any]]) -> Model:
    packed = _packed(config)
    expected = {*packed, *_FLOATS}
    if set(tensors) != expected:
        raise BadInput(f"tensors must be {', '.join(sorted(expected))}, not {', '.join(sorted(tensors))}")
    for name, array in tensors.items():
        dtype = np.dtype(np.uint8 if name in packed else np.float32)
        if array.dtype != dtype or array.ndim != 1:
            raise BadInput(f"tensor {name} must be a vector of {dtype}, not {array.dtype} {array.shape}")
    shapes = _shapes(config)
    values: dict[str, NDArray[Any]] = {name: tensors[name] for name in _FLOATS}
    for name, (codes, weight_format) in packed.items():
        try:
            values[codes] = weight_format.unpack(tensors[name], shapes[codes])
        except ValueError as error:
            raise BadInput(f"tensor {name}: {error}") from None
    return Model(config, **values)
