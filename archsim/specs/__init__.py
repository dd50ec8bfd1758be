"""The frozen, validated parameters of each component, one file each; its run-time object is in ``archsim.machine``."""

from archsim.specs.activation_unit import ActivationUnitSpec
from archsim.specs.base import Spec
from archsim.specs.dram import DramSpec
from archsim.specs.pe_array import PEArraySpec
from archsim.specs.physical import PhysicalSpec
from archsim.specs.sequencer import SequencerSpec
from archsim.specs.skip_encoder import SkipEncoderSpec
from archsim.specs.state_buffer import StateBufferSpec
from archsim.specs.weight_memory import WeightMemorySpec

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
    "PhysicalSpec",
    "SequencerSpec",
    "SkipEncoderSpec",
    "Spec",
    "StateBufferSpec",
    "WeightMemorySpec",
]
