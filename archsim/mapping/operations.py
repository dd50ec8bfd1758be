"""The actions that follow once a block has been accumulated: those of its activation."""

from archsim import catalogue
from archsim.catalogue import Action
from archsim.trace.graph import UnitOperations


def results(unit: UnitOperations, units: int, norms_per_unit: int) -> tuple[tuple[Action, int], ...]:
    """The actions of activating a block of `units`, each with its count per active lane; none of zero count."""
    counts = (
        (catalogue.ROW_AFFINE, norms_per_unit),
        (catalogue.CURVE, unit.curves),
        (catalogue.MULTIPLY, unit.multiplies),
        (catalogue.ADD, unit.adds),
        (catalogue.C_READ, unit.cell_reads),
        (catalogue.C_WRITE, unit.cell_writes),
        (catalogue.H_READ, unit.state_reads),
        (catalogue.H_WRITE, unit.state_writes),
    )
    return tuple((action, units * each) for action, each in counts if each)
