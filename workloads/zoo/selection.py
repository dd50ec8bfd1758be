"""Models of the zoo by what they are instead of by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from archsim.errors import BadInput
from workloads import zoo
from workloads.config import Config

Trait = str | int | None


@dataclass(frozen=True)
class Traits:
    """What a model can be chosen by. Of a stack: its first layer's."""

    task: str | None
    cell: str
    weight_format: str
    hidden: int
    layers: int
    state_bits: int | None

    @classmethod
    def of(cls, config: Config) -> "Traits":
        first = config.layers[0]
        return cls(
            config.task, first.cell, first.weight_format, first.hidden, len(config.layers), first.state_bits
        )  # fmt: skip


NAMES: tuple[str, ...] = tuple(field.name for field in fields(Traits))


def select(wanted: Mapping[str, Sequence[Trait]]) -> tuple[str, ...]:
    """Names of all models of the zoo whose traits are among those `wanted`; BadInput says what there is if none is."""
    traits = {name: Traits.of(zoo.load_config(name)) for name in zoo.ALL}
    found = tuple(
        name for name, has in traits.items() if all(getattr(has, trait) in values for trait, values in wanted.items())
    )
    if not found:
        asked = ", ".join(f"{trait} {' or '.join(map(str, values))}" for trait, values in wanted.items())
        there = "; ".join(
            f"{trait}: {', '.join(dict.fromkeys(str(getattr(has, trait)) for has in traits.values()))}"
            for trait in wanted
        )
        raise BadInput(f"must select a model of the zoo, which has {there}, not {asked}")
    return found
