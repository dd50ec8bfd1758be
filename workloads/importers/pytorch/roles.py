"""What the modules around the recurrent layers are: embedding, dense before, head, readout.

As given; and else embedding and readout by the only way to use all that is left. A state dict holds no program, so each
guess is said, and one that is not plausible is refused with what to say instead.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from archsim.errors import BadInput
from workloads.importers.network import InputKind
from workloads.importers.pytorch.choices import Choices
from workloads.importers.pytorch.names import Tensors, dotted, listed, module_of, shown


@dataclass(frozen=True)
class Around:
    """What stands around the modules whose roles are looked for."""

    left: Tensors
    """Tensors that are not of recurrent layers."""
    inputs: int
    """Columns of the first recurrent layer."""
    outputs: int
    """Elements of h above the last one."""
    before: frozenset[str]
    """Modules that were defined before the first recurrent one; empty where the file has its names sorted."""
    ordered: bool
    """Whether the file keeps the order of definition."""

    @property
    def modules(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(module_of, self.left)))

    def weight(self, module: str) -> str:
        return f"{dotted(module)}weight"

    def names(self, module: str) -> set[str]:
        return {name.rpartition(".")[2] for name in self.left if module_of(name) == module}

    def is_linear(self, module: str, columns: int | None = None, rows: int | None = None) -> bool:
        weight, bias = (self.left.get(dotted(module) + what) for what in ("weight", "bias"))
        if weight is None or weight.ndim != 2 or not weight.size:
            return False
        if columns not in (None, weight.shape[1]) or rows not in (None, weight.shape[0]):
            return False
        return self.names(module) == {"weight"} or (
            self.names(module) == {"weight", "bias"} and bias is not None and bias.shape == weight.shape[:1]
        )

    def is_table(self, module: str, columns: int) -> bool:
        return self.is_linear(module, columns) and self.names(module) == {"weight"}

    def same(self, module: str, other: str) -> bool:
        """Whether a module has nothing but the weight that another has too: tied, under two names."""
        weight, theirs = (self.left.get(self.weight(name)) for name in (module, other))
        return (
            self.names(module) == {"weight"} and weight is not None and theirs is not None
            and weight.shape == theirs.shape and np.array_equal(weight, theirs)
        )  # fmt: skip


@dataclass(frozen=True)
class Roles:
    """Modules by what they are."""

    embedding: str | None
    readout: str | None

    @property
    def modules(self) -> frozenset[str]:
        return frozenset(module for module in (self.embedding, self.readout) if module is not None)


def find_roles(around: Around, input_kind: InputKind, choices: Choices) -> tuple[Roles, str]:
    """Embedding and readout, and what is to be said of those that were guessed (empty: none was)."""
    if choices.embedding is not None and input_kind == "one_hot":
        raise BadInput("input: one_hot does not go with an embedding")
    entering, leaving = _through_dense(around, choices)
    named = {choice.module for choice in (*filter(None, [choices.dense]), *choices.head)}
    ways = list(_ways(around, input_kind, choices, named, entering, leaving))
    if not ways:
        _refuse_stray(around, named, entering, leaving)
    most = max(len(way.modules) for way in ways)
    objections = {way: _objection(around, way, choices) for way in ways if len(way.modules) == most}
    plausible = [way for way, objection in objections.items() if objection is None]
    if not plausible:
        raise BadInput(f"{next(filter(None, objections.values()))}: {_SAY_WHAT}")
    if len(plausible) > 1 and not _equal_ways(around, plausible):
        weights = listed(around.weight(m) for m in sorted(set(around.modules) - named))
        raise BadInput(f"{weights} may be the embedding or the readout: say which with --embedding or --readout")
    if not around.ordered:
        _check_place_told(around, plausible[0], choices, entering, leaving)
    return plausible[0], _said(plausible[0], choices)


def _through_dense(around: Around, choices: Choices) -> tuple[int, int]:
    """Elements that enter the network's vectors, and those that the readout reads, past dense layers as given."""
    entering, leaving = around.inputs, around.outputs
    if choices.dense is not None:
        entering = _columns(around, "dense", choices.dense.module, rows=around.inputs)
    for choice in choices.head:
        _columns(around, "head", choice.module, columns=leaving)
        leaving = len(around.left[around.weight(choice.module)])
    return entering, leaving


def _columns(around: Around, what: str, module: str, columns: int | None = None, rows: int | None = None) -> int:
    if not around.is_linear(module, columns, rows):
        fits = f"{columns} columns" if rows is None else f"{rows} rows, which the recurrent layer reads"
        raise BadInput(f"{what} must be a module with a weight matrix of {fits}, not {module!r}")
    return int(around.left[around.weight(module)].shape[1])


def _ways(
    around: Around, input_kind: InputKind, choices: Choices, named: set[str], entering: int, leaving: int
) -> Iterator[Roles]:
    """Roles that use every module that is left, but for those that are tied to one that is used."""
    modules = [m for m in around.modules if m not in named]
    tables = [m for m in modules if around.is_table(m, entering) and input_kind != "one_hot"]
    linears = [m for m in modules if around.is_linear(m, leaving)]
    tied = choices.embedding is not None and choices.embedding == choices.readout
    for embedding in _candidates("embedding", choices.embedding, tables, f"({entering} columns, no bias)"):
        for readout in _candidates("readout", choices.readout, linears, f"({leaving} columns)"):
            roles = Roles(embedding, readout)
            rest = [m for m in modules if m not in roles.modules]
            if embedding is not None and embedding == readout and not tied:
                continue
            if all(any(around.same(m, used) for used in (*roles.modules, *named)) for m in rest):
                yield roles


def _candidates(what: str, module: str | None, fitting: list[str], shape: str) -> Sequence[str | None]:
    """The choices for a role: the module that was named, or none and each that fits."""
    if module is None:
        return [None, *fitting]
    if module not in fitting:
        raise BadInput(f"{what} must be a module with a weight matrix that fits {shape}, not {module!r}")
    return [module]


def _equal_ways(around: Around, ways: list[Roles]) -> bool:
    """Whether all of them are one network: equal tensors under different names."""

    def equal(one: str | None, other: str | None) -> bool:
        return one == other or (
            one is not None and other is not None
            and around.names(one) == around.names(other) and around.same(one, other)
        )  # fmt: skip

    return all(equal(w.embedding, ways[0].embedding) and equal(w.readout, ways[0].readout) for w in ways)


def _objection(around: Around, way: Roles, choices: Choices) -> str | None:
    """Why what was guessed is not plausible."""
    if way.embedding is not None and choices.embedding is None:
        rows, columns = around.left[around.weight(way.embedding)].shape
        refused = f"{_sized(around, way.embedding)} is not taken as"
        if rows == 1:
            return f"{refused} an embedding of one symbol"
        if rows == columns:
            return f"{refused} an embedding of as many symbols as columns"
        if around.ordered and way.embedding not in around.before:
            return f"{refused} the embedding, as it was defined after the recurrent layer"
    if way.readout in around.before and choices.readout is None:
        return (
            f"{_sized(around, way.readout)} is not taken as the readout, as it was defined before the recurrent layer"
        )
    return None


def _check_place_told(around: Around, way: Roles, choices: Choices, entering: int, leaving: int) -> None:
    """BadInput where nothing tells on which side of the recurrent layers a guessed module lies: its name does not."""
    unsure = "and this file does not keep the order of definition"
    if way.embedding is not None and choices.embedding is None and not _EMBEDDING_NAMES.search(way.embedding):
        raise BadInput(f"{_sized(around, way.embedding)} may be the embedding, or a layer that reads vectors, "
                       f"{unsure}: {_SAY_WHAT}")  # fmt: skip
    if way.readout is None or choices.readout is not None or _named_as_readout(way.readout):
        return
    feeds_layer = len(around.left[around.weight(way.readout)]) == entering
    reads_input = way.embedding is None and entering == leaving
    if feeds_layer or reads_input:
        raise BadInput(f"{_sized(around, way.readout)} may lie before the recurrent layer as well as behind it, "
                       f"{unsure}: {_SAY_WHAT}")  # fmt: skip


def _sized(around: Around, module: str) -> str:
    weight = around.weight(module)
    return f"{shown(weight)} {around.left[weight].shape}"


_SAY_WHAT = (
    "say what it is with --embedding, --readout, --dense or --head (or --ignore, if the model computes nothing with "
    "it), or export the model to ONNX"
)

_EMBEDDING_NAMES = re.compile(r"emb|enc|wte|token|vocab|lookup|table|word|char|symbol", re.IGNORECASE)
_READOUT_NAMES = re.compile(r"(fc|head|out|output|classifier|regressor|decoder|readout|logits)[0-9]*")


def _named_as_readout(module: str) -> bool:
    return any(_READOUT_NAMES.fullmatch(part) for part in module.split("."))


def _refuse_stray(around: Around, named: set[str], entering: int, leaving: int) -> None:
    """BadInput names a tensor that nothing uses, and what might be done about it."""
    modules = [m for m in around.modules if m not in named]
    fitting = {m for m in modules if around.is_table(m, entering) or around.is_linear(m, leaving)}
    stray = next((n for n in around.left if module_of(n) in modules and module_of(n) not in fitting), None)
    name = stray or next(n for n in sorted(around.left) if module_of(n) in modules)
    used = f"tensor {shown(name)} {around.left[name].shape} is used by nothing"
    raise BadInput(f"{used}: {_hint(around, name, modules, entering, leaving)}")


_ELSEWHERE = (
    "where it stands before the recurrent layers, leave it out with --ignore and give what it makes as the inputs"
)


def _hint(around: Around, name: str, modules: list[str], entering: int, leaving: int) -> str:
    """What a tensor that nothing uses looks like, and what to say if it is that."""
    module, shape = module_of(name), around.left[name].shape
    if around.names(module) & {"running_mean", "running_var"}:
        return ("a batch norm is computed here only where it is folded into the layer beside it: fold it "
                "(torch.nn.utils.fusion), or export the model to ONNX")  # fmt: skip
    if "in_proj_weight" in around.names(module):
        return f"attention is not computed here; {_ELSEWHERE}"
    if len(shape) > 2:
        return f"it looks like a convolution, which is not computed here; {_ELSEWHERE}"
    if around.names(module) <= {"weight", "bias"} and len(shape) == 1 and not around.is_linear(module):
        return "it looks like a norm, which is not computed here: export the model to ONNX, which says where it stands"
    if shape[-1:] == (around.outputs,) and around.left[name].size < 8 * around.outputs and not around.is_linear(module):
        return (f"if sequences start from it, say --initial-h {shown(name)} or --initial-c {shown(name)}; if the model "
                "computes nothing with it, --ignore")  # fmt: skip
    if (below := _read_by(around, module, modules, leaving)) is not None:
        return (f"it fits behind {shown(below)}: if it is so, say --head {shown(below)}:ACTIVATION --readout "
                f"{shown(module)} (none, relu, tanh or sigmoid); else {_SAY_WHAT}")  # fmt: skip
    if around.is_linear(module, rows=entering):
        return (f"it fits before the recurrent layer: if it is so, say --dense {shown(module)}:ACTIVATION (none, relu, "
                f"tanh or sigmoid); else {_SAY_WHAT}")  # fmt: skip
    return _SAY_WHAT


def _read_by(around: Around, module: str, modules: list[str], leaving: int) -> str | None:
    """The one dense layer above the recurrent ones that `module` may read."""
    if not around.is_linear(module):
        return None
    columns = around.left[around.weight(module)].shape[1]
    fitting = [m for m in modules if m != module and around.is_linear(m, columns=leaving, rows=columns)]
    return fitting[0] if len(fitting) == 1 else None


def _said(way: Roles, choices: Choices) -> str:
    parts = [
        f"{module or 'the weight without a prefix'} is taken as the {role}"
        for role, module, given in (
            ("embedding", way.embedding, choices.embedding),
            ("readout", way.readout, choices.readout),
        )
        if module is not None and given is None
    ]
    return ", ".join(parts)
