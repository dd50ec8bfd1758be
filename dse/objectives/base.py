"""What every objective answers: its name, its unit, which way is better, and its value for a point."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from dse.evaluation.point import Evaluation
from workloads.tasks import MetricWords


@dataclass(frozen=True)
class Objective:
    """A figure of an evaluated point; `of` returns it in `unit`."""

    name: str
    title: str
    unit: str
    direction: Literal["minimize", "maximize"]
    logarithmic: bool
    """Whether an axis of it reads better in decades."""
    of: Callable[[Evaluation], float]
    shown_unit: str = ""
    """Unit on screen, where `unit` makes long numbers; one of it is `shown_scale` of `unit`."""
    shown_scale: float = 1.0
    of_task: bool = False
    """It is the metric of the task, and is called after it on screen (`worded`)."""

    @property
    def sign(self) -> int:
        """1 where smaller is better, -1 where larger is: ``sign * value`` is always minimised."""
        return 1 if self.direction == "minimize" else -1

    def worded(self, metric: MetricWords) -> "Objective":
        """The same objective in the words of the task's metric, if it is that."""
        return replace(self, title=f"Validation {metric.title}", unit=metric.unit) if self.of_task else self

    @property
    def noun(self) -> str:
        """The title within a sentence: an abbreviation keeps its capitals."""
        return self.title if self.title[:2].isupper() else f"{self.title[0].lower()}{self.title[1:]}"

    @property
    def axis(self) -> str:
        return f"{self.title} ({self.screen_unit})"

    @property
    def screen_unit(self) -> str:
        return self.shown_unit or self.unit

    def shown(self, value: float) -> float:
        """`value` in the unit on screen."""
        return value / self.shown_scale
