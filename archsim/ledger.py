"""Counts of (component, action): the only thing a process may record beside time. Prices are in ``costs``."""

from dataclasses import dataclass, field


@dataclass
class Ledger:
    """``counts[component][action]``, all integers; equal ledgers compare equal."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, component: str, action: str, amount: int) -> None:
        """Record `amount` more of an action; zero leaves no entry."""
        if amount:
            actions = self.counts.setdefault(component, {})
            actions[action] = actions.get(action, 0) + amount

    def get(self, component: str, action: str) -> int:
        return self.counts.get(component, {}).get(action, 0)
