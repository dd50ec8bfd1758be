"""The base class of all specs, and the helpers that they share."""

from typing import Any

from pydantic import ConfigDict

from archsim.frozen import Frozen

MOST = 2**30
"""The largest number of words, cycles or units of a spec, so that sums over a run stay well within 64 bits."""


class _Later:
    """The type of the marker `LATER`."""


LATER = _Later()
"""Marks a field that was added when designs and searches had been stored without it: ``Annotated[str, LATER]``."""


class Spec(Frozen):
    """Frozen, validated parameters of one component."""

    model_config = ConfigDict(allow_inf_nan=False)

    def stated(self, exclude_none: bool = False) -> dict[str, Any]:
        """The parameters as JSON values, without those marked `LATER` that are at their default.

        The digest of a spec, its file and the record of its run are made from these, so that a new field changes none
        of them for a spec that does not use it. ``model_dump`` has all parameters.
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
    """The quotient, rounded up to an integer."""
    return -(-numerator // denominator)
