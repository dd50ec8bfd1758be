"""The options of `archsim import` that put states and inputs in fixed point, and what is said of it."""

from dataclasses import dataclass
from pathlib import Path

from archsim.errors import BadInput
from dse.cli.tables.layout import literal
from dse.cli.terminal import notes
from workloads.integer_bits import NeededBits, clipped_shares, embedding_needs, needed_bits
from workloads.model import Model
from workloads.numbers import Clipped
from workloads.record import given_sample

INSTEAD = {"input": "give more --input-integer-bits", "state": "give more --state-integer-bits"}


@dataclass(frozen=True)
class FixedPoint:
    """What was asked for; integer bits that are not given are proved, or taken from the inputs in `calibrate`."""

    state_bits: int | None
    input_bits: int | None
    input_integer_bits: int | None
    state_integer_bits: tuple[int, ...]
    """One for all layers, or one each; none: not given."""
    calibrate: Path | None
    batch_first: bool = False
    """Whether those are (sequences, steps, ...)."""

    def applied(self, model: Model) -> tuple[Model, tuple[Clipped, ...]]:
        """`model` with its states and inputs so, and what of it is clipped; integer bits that were found are said."""
        if self.state_bits is None:
            if self.input_bits is not None or self.input_integer_bits or self.state_integer_bits or self.calibrate:
                raise BadInput(
                    "--input-bits, --input-integer-bits, --state-integer-bits and --calibrate need --state-bits"
                )
            return model, ()
        inputs = None if self.calibrate is None else given_sample(self.calibrate, self.batch_first).inputs
        needed = () if inputs is None else needed_bits(model, inputs)
        fixed = self._fixed(model, self.state_bits, needed)
        table = embedding_needs(model) if self.input_integer_bits is None else None
        _say_needed(needed or ((table,) if table else ()))
        return fixed, clipped_shares(fixed, inputs)

    def _fixed(self, model: Model, state_bits: int, needed: tuple[NeededBits, ...]) -> Model:
        """What was given comes before what is needed."""
        entering = next((n.integer_bits for n in needed if n.operand in ("x", "features")), None)
        states = [n.integer_bits for n in needed if n.operand.startswith("h")]
        given = self.state_integer_bits
        return model.with_bits(
            state_bits,
            self.input_bits,
            entering if self.input_integer_bits is None else self.input_integer_bits,
            (given[0] if len(given) == 1 else given) if given else states or None,
        )


def _say_needed(needed: tuple[NeededBits, ...]) -> None:
    for n in needed:
        text = f"{literal(n.operand)}: {n.integer_bits} integer bits hold up to {n.largest:.4g} ({n.basis})"
        notes.print(f"archsim: {text}", soft_wrap=True, highlight=False)
