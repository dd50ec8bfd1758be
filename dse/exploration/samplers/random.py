"""Points drawn uniformly at random: what any other sampler must beat."""

from optuna.samplers import BaseSampler, RandomSampler

from dse.exploration.samplers.base import Drawer, Sampler


class _RandomDrawer(Drawer):
    def at(self, number: int) -> BaseSampler:
        seed, _ = self.problem.seeds(number)
        return RandomSampler(seed=seed)


RANDOM = Sampler("random", _RandomDrawer)
