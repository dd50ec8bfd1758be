"""A design: a frozen, validated tree of component specs, read from and written to TOML, overridden by dotted path."""

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Self

import tomli_w
from pydantic import Field, ValidationError, field_validator, model_validator

from archsim import designs
from archsim.errors import (
    BadInput,
    explain,
    near,
)
from archsim.files import read_toml
from archsim.frozen import HashedOnce
from archsim.mapping import dataflows
from archsim.mapping.dataflows import Shape
from archsim.plugins import Group
from archsim.specs import (
    ActivationUnitSpec,
    DramSpec,
    PEArraySpec,
    PhysicalSpec,
    SequencerSpec,
    SkipEncoderSpec,
    StateBufferSpec,
    WeightMemorySpec,
)
from archsim.specs.base import LATER, Spec
from archsim.trace.graph import Scope

Value = str | int | float | bool | Sequence[str]


class DesignFields(HashedOnce, Spec):
    """The parameters of a design, each within its own range; whether they fit together is `Design`'s to say."""

    name: str
    title: str = ""
    node_nm: int = Field(ge=7, le=180)
    clock_mhz: int = Field(ge=1, le=5000)
    voltage_v: float | None = Field(
        default=None,
        gt=0,
        description="supply of the logic, up to a tenth above nominal (absent: nominal at the node); SRAM has its own",
    )
    physical: Annotated[PhysicalSpec, LATER] = PhysicalSpec()
    lanes: int = Field(ge=1, le=1024, description="sequences that run side by side and share the PEs evenly")
    host: tuple[Scope, ...] = Field(default=(), description="scopes that run on the host and are not counted")
    dataflow: Annotated[str, LATER] = Field(
        default=dataflows.DEFAULT, description="what stays in the PEs, and in which order columns are streamed"
    )
    dram: DramSpec | None = Field(
        default=None, description="absent: the chip has no DRAM, and runs what lies in its weight memory as a whole"
    )
    weight_memory: WeightMemorySpec
    pe_array: PEArraySpec
    skip_encoder: SkipEncoderSpec
    state_buffer: StateBufferSpec
    activation_unit: ActivationUnitSpec
    sequencer: SequencerSpec = SequencerSpec()

    @field_validator("dataflow")
    @classmethod
    def _dataflow_is_known(cls, name: str) -> str:
        if name not in dataflows.NAMES:
            raise ValueError(f"must be one of {', '.join(dataflows.NAMES)}")
        return name


class Design(DesignFields):
    """One accelerator: everything that the engines and the cost model know about it."""

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        if misfit := self.misfit:
            raise ValueError(misfit)
        return self

    @property
    def misfit(self) -> str | None:
        """Why its parts do not fit together; None for a valid design."""
        return self._lanes_not_served() or self._lanes_of_private_memories()

    def _lanes_not_served(self) -> str | None:
        refused = dataflows.by_name(self.dataflow).refusal(self.pe_array, self.lanes, self.sequencer.steps_at_once)
        if not refused and self.shape.stationary and self.weight_memory.private:
            return (
                f"dataflow {self.dataflow}: weight_memory.organisation must be shared, since tiles are loaded one after"
                f" the other, not {self.weight_memory.organisation}"
            )
        return refused

    def _lanes_of_private_memories(self) -> str | None:
        """Lanes share every weight, so a private memory serves PEs of all lanes."""
        memory, array = self.weight_memory, self.pe_array
        where = f"weight_memory.organisation {memory.organisation}"
        if memory.organisation == "per_pe" and self.lanes > 1:
            return (
                f"{where}: lanes must be 1, not {self.lanes}: lanes share every weight, which needs a memory for the"
                f" PEs of all lanes (per_tile, with pes_per_tile = lanes)"
            )
        if memory.organisation == "per_tile" and array.pes_per_tile % self.lanes:
            return (
                f"{where}: lanes must divide the {array.pes_per_tile} PEs of a tile, whose memory serves all lanes,"
                f" not {self.lanes}"
            )
        if memory.private and not self.words_of_a_memory:
            return (
                f"{where}: weight_memory.capacity_kib must hold a word of {self.weight_word_bits} bits in each of the"
                f" {self.weight_memories} memories, not {memory.capacity_kib}"
            )
        return None

    @property
    def channel(self) -> DramSpec:
        """The DRAM, for what comes from it. BadInput for a design without one."""
        if self.dram is None:
            raise BadInput(f"design {self.name}: has no [dram]")
        return self.dram

    @cached_property
    def shape(self) -> Shape:
        """How its PEs share the work of its lanes, as its dataflow determines."""
        return dataflows.by_name(self.dataflow).shape(self.pe_array, self.lanes)

    @property
    def pes_per_lane(self) -> int:
        """PEs that take the rows of one column for one lane."""
        return self.shape.rows

    @cached_property
    def bus_word_bits(self) -> int:
        """Bits that the bus of a shared weight memory carries in a cycle; 0 where memories are private."""
        return 0 if self.weight_memory.private else self.weight_word_bits

    @property
    def weight_memories(self) -> int:
        """Memories that hold the weights: one, or one for each tile or PE."""
        counts = {"shared": 1, "per_tile": self.pe_array.tiles, "per_pe": self.pe_array.pes}
        return counts[self.weight_memory.organisation]

    @cached_property
    def weight_word_bits(self) -> int:
        """Bits of a word of a weight memory: a bus word, or weights for each of a lane's PEs that it serves."""
        memory = self.weight_memory
        own = memory.weights_per_word * self.pes_per_lane // self.weight_memories
        return (own if memory.private else memory.weights_per_cycle) * self.pe_array.weight_bits

    @property
    def words_of_a_memory(self) -> int:
        """Whole words that each weight memory holds."""
        return self.weight_memory.capacity_bits // self.weight_memories // self.weight_word_bits

    @property
    def sha256(self) -> str:
        return hashlib.sha256(json.dumps(self.stated(), sort_keys=True).encode()).hexdigest()

    def to_toml(self) -> str:
        return tomli_w.dumps(self.stated(exclude_none=True))

    def override(self, values: Mapping[str, Value]) -> "Design":
        """A copy with dotted paths set, e.g. ``{"pe_array.tiles": 2}``.

        BadInput for an unknown path or an invalid value.
        """
        tree = self.model_dump(mode="json")
        for path, value in values.items():
            *parents, leaf = path.split(".")
            node: Any = tree
            for parent in parents:
                node = node.get(parent) if isinstance(node, dict) else None
            if not isinstance(node, dict) or leaf not in node or isinstance(node[leaf], dict):
                raise self._no_parameter(path)
            node[leaf] = value
        return _validated(tree, f"design {self.name}", type(self))

    def check_parameter(self, path: str) -> None:
        """BadInput unless a dotted path is a parameter of the design."""
        if path not in parameters(self):
            raise self._no_parameter(path)

    def _no_parameter(self, path: str) -> BadInput:
        if path.partition(".")[0] == "dram" and self.dram is None:
            return BadInput(f"design {self.name}: has no [dram], so no parameter {path!r}")
        return BadInput(f"design {self.name}: no parameter {path!r}; choose from {near(path, parameters(self))}")


def parameters(design: Design) -> list[str]:
    """The dotted paths of all parameters of a design."""

    def walk(node: Mapping[str, Any], prefix: str) -> list[str]:
        paths: list[str] = []
        for key, value in node.items():
            paths += walk(value, f"{prefix}{key}.") if isinstance(value, dict) else [prefix + key]
        return paths

    tree = design.model_dump(mode="json")
    return walk({key: value for key, value in tree.items() if key != "dram" or value is not None}, "")


def load_design(name_or_path: str | Path) -> Design:
    """A design by name, shipped or of an entry point, or from a TOML file. BadInput for a missing or an invalid one."""
    if str(name_or_path) in designs.ALL:
        where = f"design {name_or_path}"
        tree = tomllib.loads(resources.files("archsim.designs").joinpath(f"{name_or_path}.toml").read_text())
    else:
        path = Path(name_or_path)
        where = str(path)
        plugged = None if path.is_file() else PLUGINS.plugged(str(name_or_path))
        if plugged is not None:
            return plugged
        if not path.is_file():
            raise BadInput(f"{path}: no such design file, nor one of {near(str(path), designs.ALL)}")
        tree = read_toml(path)
    return _validated(tree, where)


def _design(given: object) -> Design | None:
    """A design that an entry point gives: one, or the path of its TOML file."""
    if isinstance(given, str | Path):
        return load_design(given)
    return given if isinstance(given, Design) else None


PLUGINS: Group[Design] = Group(
    "archsim.designs", "design", "a Design or the path of its TOML file", _design, taken=designs.ALL
)


def _validated(tree: Mapping[str, Any], where: str, kind: type[Design] = Design) -> Design:
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        raise BadInput(f"{where}: {explain(error)}") from None
