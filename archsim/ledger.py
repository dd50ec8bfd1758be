"""Counts of actions: the only thing that a process records besides time. Their prices are in ``costs``."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from archsim.catalogue import Action


@dataclass
class Ledger:
    """Integer counts as ``counts[component][action]``; ledgers with the same counts compare equal."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, action: Action, amount: int) -> None:
        """Record `amount` more of an action; zero leaves no entry."""
        if amount:
            name, actions = action.name, self.counts.get(action.component)
            if actions is None:
                actions = self.counts[action.component] = {}
            actions[name] = actions.get(name, 0) + amount

    @classmethod
    def total(cls, ledgers: Iterable["Ledger"]) -> "Ledger":
        """The sum of `ledgers`."""
        summed = cls()
        for ledger in ledgers:
            for component, actions in ledger.counts.items():
                own = summed.counts.setdefault(component, {})
                for name, amount in actions.items():
                    own[name] = own.get(name, 0) + amount
        return summed

    def get(self, action: Action) -> int:
        return self.counts.get(action.component, {}).get(action.name, 0)
