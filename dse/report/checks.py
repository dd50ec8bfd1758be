"""The table of ``archsim validate`` as the tab Validation shows it."""

from archsim.analysis.validate import validate
from dse.report.shapes import Check
from dse.report.words import short


def checks() -> list[Check]:
    """Every published hardware figure beside ours, by the costs of this version."""
    return [
        Check(
            chip=row.chip,
            quantity=row.quantity,
            unit=row.unit,
            published=row.published,
            ours=None if row.ours is None else short(row.ours),
            error_pct=None if row.error_pct is None else short(row.error_pct),
            tolerance_pct=None if row.tolerance is None else row.tolerance.pct,
            basis=row.basis,
            sure=row.sure,
            gates=row.gates,
            note=row.note,
        )
        for row in validate().rows
    ]
