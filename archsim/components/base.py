"""What every spec shares."""

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """Frozen, validated parameters of one component; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def ceil_div(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)
