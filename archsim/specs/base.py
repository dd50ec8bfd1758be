"""What every spec shares."""

from typing import Any

from pydantic import BaseModel, ConfigDict

MOST = 2**30
"""Of words, cycles and units: sums over a run then stay far within 64 bits."""


class _Later:
    """The type of `LATER`."""


LATER = _Later()
"""Marks a field that came after designs and searches were stored without it, as in ``Annotated[str, LATER]``."""


class Spec(BaseModel):
    """Frozen, validated parameters of one component; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def stated(self, exclude_none: bool = False) -> dict[str, Any]:
        """The parameters as JSON has them, without those marked `LATER` that are at their default.

        What a spec is known by (its digest, its file, its run's record) is made of these, so that a new field leaves
        every spec as it was that does not use it. ``model_dump`` has all of them.
        """
        tree = self.model_dump(mode="json", exclude_none=exclude_none)
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if LATER in field.metadata and value == field.get_default(call_default_factory=True, validated_data={}):
                tree.pop(name, None)
            elif isinstance(value, Spec):
                tree[name] = value.stated(exclude_none)
        return tree


def ceil_div(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)
