"""The whole model lies in on-chip SRAM; missed by the share of its bits that stream."""

from dse.constraints.base import Constraint
from dse.evaluation.point import Evaluation


def _excess(evaluation: Evaluation) -> float:
    report = evaluation.report
    return (report.model_bits - report.resident_bits) / report.model_bits


FITS_ON_CHIP = Constraint(name="fits_on_chip", title="the whole model in on-chip SRAM", excess=_excess)
