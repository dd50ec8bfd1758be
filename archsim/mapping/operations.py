"""The actions that follow once a block has been accumulated: those of its activation."""

from archsim import catalogue
from archsim.catalogue import Action
from archsim.mapping.plan import Stage


def results(stage: Stage, units: int) -> tuple[tuple[Action, int], ...]:
    """The actions of activating `units` of a stage, each with its count per active lane; none of zero count."""
    unit = stage.unit
    counts = (
        (catalogue.SUM_READ, stage.sums_per_unit),
        (catalogue.NORM_ACCESS, stage.norms_per_unit + stage.shifts_per_unit),
        (catalogue.ROW_AFFINE, stage.norms_per_unit),
        (catalogue.CURVE, unit.curves),
        (catalogue.MULTIPLY, unit.multiplies),
        (catalogue.ADD, unit.adds),
        (catalogue.C_READ, unit.cell_reads),
        (catalogue.C_WRITE, unit.cell_writes),
        (catalogue.H_READ, unit.state_reads),
        (catalogue.H_WRITE, unit.state_writes),
    )
    return tuple((action, units * each) for action, each in counts if each)
