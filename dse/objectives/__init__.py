"""What a search can minimise or maximise. A new objective is one file and one line in ``ALL``."""

from archsim.plugins import Group, instance_of
from dse.objectives.area_mm2 import AREA_MM2
from dse.objectives.base import Objective
from dse.objectives.dram_gbps_needed import DRAM_GBPS
from dse.objectives.edp_pj_us import EDP
from dse.objectives.energy_chip_pj_per_token import ENERGY_CHIP
from dse.objectives.energy_system_pj_per_token import ENERGY_SYSTEM
from dse.objectives.latency_us_per_step import LATENCY
from dse.objectives.power_chip_mw import POWER_CHIP
from dse.objectives.power_system_mw import POWER_SYSTEM
from dse.objectives.tokens_per_second import TOKENS_PER_SECOND
from dse.objectives.validation_loss import VALIDATION_LOSS
from dse.objectives.weight_bytes import WEIGHT_BYTES

ALL: tuple[Objective, ...] = (
    VALIDATION_LOSS,
    AREA_MM2,
    ENERGY_SYSTEM,
    ENERGY_CHIP,
    LATENCY,
    TOKENS_PER_SECOND,
    POWER_CHIP,
    POWER_SYSTEM,
    EDP,
    WEIGHT_BYTES,
    DRAM_GBPS,
)


PLUGINS: Group[Objective] = Group("archsim.objectives", "objective", "an Objective", instance_of(Objective), ALL)
by_name, every = PLUGINS.by_name, PLUGINS.every


__all__ = ["ALL", "PLUGINS", "Objective", "by_name", "every"]
