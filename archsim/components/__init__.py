"""The parts of the machine: one file each, a frozen spec and the SimPy process that acts it out."""

from archsim.components.activation_unit import ActivationUnitSpec
from archsim.components.base import Spec
from archsim.components.dram import DramSpec
from archsim.components.pe_array import PEArraySpec
from archsim.components.sequencer import SequencerSpec
from archsim.components.skip_encoder import SkipEncoderSpec
from archsim.components.state_buffer import StateBufferSpec
from archsim.components.weight_memory import WeightMemorySpec

ALL: tuple[type[Spec], ...] = (
    DramSpec,
    WeightMemorySpec,
    PEArraySpec,
    SkipEncoderSpec,
    StateBufferSpec,
    ActivationUnitSpec,
    SequencerSpec,
)

__all__ = [
    "ALL",
    "ActivationUnitSpec",
    "DramSpec",
    "PEArraySpec",
    "SequencerSpec",
    "SkipEncoderSpec",
    "Spec",
    "StateBufferSpec",
    "WeightMemorySpec",
]
