"""The table of ``archsim validate`` as the tab Validation shows it."""

from archsim.analysis.validate import validate
from dse.report.shapes import PublishedCheck
from dse.report.words import short


def checks() -> list[PublishedCheck]:
    """Every published hardware figure beside ours, by the costs of this version."""
    return [
        PublishedCheck(
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
