"""The sequencer, which issues the bursts of a step in a static order, layer by layer."""

from typing import Annotated

from pydantic import Field

from archsim.specs.base import LATER, MOST, Spec


class SequencerSpec(Spec):
    """Issues bursts to the weight path in a fixed order (embedding, layers, readout), each after `setup_cycles`."""

    setup_cycles: int = Field(
        default=0, ge=0, le=MOST, description="cycles from a burst's turn to its first column, to set up its addresses"
    )
    steps_at_once: Annotated[int, LATER] = Field(
        default=1, ge=1, le=1024, description="steps whose products with inputs x are computed at once"
    )
    empty_burst_cycles: Annotated[int, LATER] = Field(
        default=0, ge=0, le=MOST, description="cycles of a burst whose columns are all skipped"
    )
    bank_cycles: Annotated[int, LATER] = Field(
        default=0, ge=0, le=64, description="registers between the end of a read-out and the PEs that wait for its bank"
    )
