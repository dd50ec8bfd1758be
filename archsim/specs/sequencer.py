"""The sequencer: the static order of a step's bursts, layer by layer, and what it takes to begin one."""

from pydantic import Field

from archsim.specs.base import MOST, Spec


class SequencerSpec(Spec):
    """Hands bursts to the weight path in a fixed order: embedding, layers, readout; `setup_cycles` for each."""

    setup_cycles: int = Field(
        default=0, ge=0, le=MOST, description="from a burst's turn to its first column: addresses"
    )
