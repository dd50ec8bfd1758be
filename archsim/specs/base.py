"""What every spec shares."""

from pydantic import BaseModel, ConfigDict

MOST = 2**30
"""Of words, cycles and units: sums over a run then stay far within 64 bits."""


class Spec(BaseModel):
    """Frozen, validated parameters of one component; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def ceil_div(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)
