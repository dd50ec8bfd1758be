"""The table of ``archsim validate`` as the tab Validation shows it."""

from archsim.analysis.validate import validate
from dse.report.shapes import PublishedCheck
from dse.report.words import short


def checks() -> list[PublishedCheck]:
    """Every published hardware figure beside ours, by the costs of this version."""
    return [
        PublishedCheck(
            chip=row.chip,
            figure=row.figure,
            unit=row.unit,
            published=row.published,
            ours=short(row.ours),
            error_pct=short(row.error_pct),
            left_out_pct=None if row.left_out_pct is None else short(row.left_out_pct),
            tolerance_pct=None if row.tolerance is None else row.tolerance.pct,
            kind=row.kind,
            sure=row.sure,
            gates=row.gates,
            note=row.note,
        )
        for row in validate().rows
    ]
