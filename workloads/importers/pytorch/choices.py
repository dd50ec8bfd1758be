"""What a state dict does not tell: said by a person."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args

from archsim.errors import BadInput
from archsim.trace.graph import When
from workloads.config import DenseActivation, Pooling
from workloads.importers.network import Activation


@dataclass(frozen=True)
class DenseChoice:
    """A module that is a dense layer, and what follows it."""

    module: str
    activation: DenseActivation = "none"

    @classmethod
    def of(cls, text: str) -> "DenseChoice":
        """``fc1:relu``, or ``fc1`` where nothing follows; BadInput where it is another activation."""
        module, colon, name = text.rpartition(":")
        if not colon:
            return cls(text)
        for activation in get_args(DenseActivation):
            if name == activation:
                return cls(module, activation)
        raise BadInput(f"activation of {module} must be one of {', '.join(get_args(DenseActivation))}, not {name!r}")


@dataclass(frozen=True)
class Choices:
    """What a state dict does not tell, by prefixes of its names (``""``: names without one)."""

    recurrent: tuple[str, ...] = ()
    """Recurrent modules in the order that they are stacked in; empty: the only one there is."""
    embedding: str | None = None
    readout: str | None = None
    dense: DenseChoice | None = None
    """The dense layer that vectors, or an embedding's rows, go through before the first recurrent layer."""
    head: tuple[DenseChoice, ...] = ()
    """Dense layers between the last h and the readout, in order."""
    initial_h: str | None = None
    """The tensor of a learned h that sequences start from, ``(L, H)`` or ``(L, 1, H)``; of one layer also ``(H,)``."""
    initial_c: str | None = None
    """The same of c."""
    ignore: tuple[str, ...] = ()
    """Tensors, or modules, that are not part of the model."""
    activation: Activation = "tanh"
    """The activation of an nn.RNN."""
    when: When | None = None
    """Which steps the readout runs at; None: every step, unless a task that the model is imported for says another."""
    at_last_position: bool = False
    """Of a readout at the last step above a bidirectional layer: it reads ``output[:, -1]``, and not ``h_n``."""
    pooling: Pooling | None = None
    """Of h over the steps, before head and readout."""
    state_dict: str | None = None
    """Dotted path of the state dict in a checkpoint that holds several."""

    def within(self, prefix: str) -> "Choices":
        """The same for names that `prefix` is taken off; they may be given with it or without."""

        def bare(name: str) -> str:
            return name.removeprefix(prefix) if name != prefix.removesuffix(".") or not prefix else ""

        def dense(choice: DenseChoice) -> DenseChoice:
            return replace(choice, module=bare(choice.module))

        return replace(
            self,
            recurrent=tuple(map(bare, self.recurrent)),
            embedding=_maybe(bare, self.embedding),
            readout=_maybe(bare, self.readout),
            dense=None if self.dense is None else dense(self.dense),
            head=tuple(map(dense, self.head)),
            initial_h=_maybe(bare, self.initial_h),
            initial_c=_maybe(bare, self.initial_c),
            ignore=tuple(map(bare, self.ignore)),
        )


def _maybe(change: Callable[[str], str], name: str | None) -> str | None:
    return None if name is None else change(name)
