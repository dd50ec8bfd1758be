"""The cost blocks of the chip, one file per component, each named as in the catalogue."""

from archsim.costs.block import HardwareBlock
from archsim.costs.blocks.activation_unit import ACTIVATION_UNIT
from archsim.costs.blocks.pe_array import PE_ARRAY
from archsim.costs.blocks.scratch import SCRATCH
from archsim.costs.blocks.sequencer import SEQUENCER
from archsim.costs.blocks.skip_encoder import SKIP_ENCODER
from archsim.costs.blocks.state_buffer import STATE_BUFFER
from archsim.costs.blocks.weight_memory import WEIGHT_MEMORY

ALL: tuple[HardwareBlock, ...] = (
    PE_ARRAY,
    SCRATCH,
    WEIGHT_MEMORY,
    STATE_BUFFER,
    SKIP_ENCODER,
    ACTIVATION_UNIT,
    SEQUENCER,
)
