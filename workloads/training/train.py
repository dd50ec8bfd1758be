"""Train a recipe: quantization-aware, normalised, with a pruned state. Checkpoints itself and resumes."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from archsim.errors import BadInput
from archsim.files import whole_file
from workloads import tasks
from workloads.training import checkpoints, precision, start
from workloads.training.batches import Batches, MiniBatch, batches_of, last_steps
from workloads.training.losses import LOSSES, Loss
from workloads.training.network import Passing, Sequence, TrainedNetwork
from workloads.training.process import tuned
from workloads.training.recipe import Recipe
from workloads.training.sequence import Compile, Tensors, eager
from workloads.training.weights import Rng, draw

RAMP = 1 / 3
"""Share of the epochs over which the target sparsity rises from zero."""
MOMENTUM = 0.05
"""By which running statistics follow those of a mini-batch."""
LOOK_EVERY = 50
"""Mini-batches after which the host looks at losses that lie on another device: each look waits for that device."""
STREAMS = {"every_step": 64, "last_step": 256}
"""Sequences side by side in validation, by when the task wants a readout; a text is cut up into so many."""


@dataclass(frozen=True)
class TrainingProgress:
    """Where a run stands, for a progress bar."""

    task: str
    """What it trains on: a curriculum begins with an easier task."""
    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float
    """Of the mini-batch: cross entropy in bits a prediction, or, of numbers, the mean squared error."""
    loss_unit: str
    metric: str
    """Name of the task's metric."""
    validation_loss: float
    """That metric on the validation split after the epoch before; infinite in the first."""
    sparsity: float
    """Share of zeros in the states, over the epoch so far."""


class OnProgress(Protocol):
    def __call__(self, progress: TrainingProgress) -> None: ...


@dataclass(frozen=True)
class FinishedRun:
    """A finished run: the weights of the best epoch and how it got there."""

    network: TrainedNetwork
    validation_loss: float
    best_epoch: int
    epochs_run: int


@dataclass
class Standing:
    """How far a run is, beside its weights."""

    learning_rate: float
    epoch: int = 0
    best_epoch: int = 0
    best_loss: float = math.inf
    validation_loss: float = math.inf


def build(recipe: Recipe, steps: int = 1) -> TrainedNetwork:
    """The untrained network of a recipe, from its seed; `steps` of every sequence, for batch-per-step."""
    torch.manual_seed(recipe.seed)
    return TrainedNetwork(recipe, tasks.by_name(recipe.task), steps)


def final_draw(recipe: Recipe) -> Rng:
    """Generator of the one draw that is validated and exported, where rounding is stochastic."""
    return draw(recipe.seed) if recipe.rounding == "stochastic" else None


def validate(network: TrainedNetwork, split: tasks.Split = "validation") -> float:
    """The task's metric by PyTorch, in float32 with the running statistics, and with the weights that are exported."""
    recipe = network.recipe
    task = tasks.by_name(recipe.task)
    return task.evaluate(network.inference(final_draw(recipe)), split, None, STREAMS[task.readout])


def train(
    recipe: Recipe,
    folder: Path,
    device: str = "cpu",
    on_progress: OnProgress | None = None,
    compile_: Compile = eager,
) -> FinishedRun:
    """Run `recipe` to its end, from the last finished epoch where `folder` holds one.

    A text: truncated backpropagation; it is cut into `batch` contiguous streams whose state is carried from one
    mini-batch to the next and reset at the start of an epoch. Sequences: backpropagation over all their steps. The
    full-precision weights of the epoch with the best validation metric are kept. The run that a curriculum begins with
    is in the folder ``first`` of `folder`. The network that is returned has the recipe with what ``fastest`` products
    were. BadInput where `folder` holds another run or a broken one, or where the loss is no longer finite.
    """
    folder.mkdir(parents=True, exist_ok=True)
    recipe = precision.settled(recipe, device)
    batches = batches_of(recipe, device)
    network = build(recipe, batches.steps).to(device)
    optimisers = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    optimiser: torch.optim.Optimizer = optimisers[recipe.optimiser](network.parameters(), lr=recipe.learning_rate)
    standing = Standing(recipe.learning_rate)
    latest, best = folder / "latest.pt", folder / "best.pt"
    if latest.exists():
        standing = Standing(**checkpoints.resume(latest, recipe, network, optimiser, device))
    elif recipe.first is not None:
        longer = start.times_longer(recipe.task, recipe.first.task)
        first = train(recipe.before(longer), folder / "first", device, on_progress, compile_)
        start.take_over(network, first.network, longer)
    elif recipe.start_from is not None:
        start.load(recipe.start_from, network, next(batches.epoch(0)))
    while standing.epoch < recipe.epochs and standing.epoch - standing.best_epoch < recipe.patience:
        with tuned(), precision.multiplying(recipe.products):
            loss, sparsity = _epoch(network, optimiser, batches, standing, compile_, on_progress)
        standing.epoch += 1
        standing.validation_loss = validate(network)
        ramping = (standing.epoch - 1) / recipe.epochs < (RAMP if any(recipe.sparsities) else recipe.threshold_ramp)
        # Sparsity comes first: while it still rises, an epoch that is denser than asked for cannot be the best one.
        if standing.validation_loss < standing.best_loss or ramping or not standing.best_epoch:
            standing.best_loss, standing.best_epoch = standing.validation_loss, standing.epoch
            checkpoints.save_weights(best, recipe, network)
        elif recipe.schedule == "plateau":
            standing.learning_rate /= recipe.lr_decay
        _log(folder / "log.csv", standing, loss, sparsity, network)
        checkpoints.save(latest, recipe, network, optimiser, vars(standing))
    network.load_state_dict(checkpoints.weights(best, device))
    return FinishedRun(network, standing.best_loss, standing.best_epoch, standing.epoch)


def _epoch(
    network: TrainedNetwork,
    optimiser: torch.optim.Optimizer,
    batches: Batches,
    standing: Standing,
    compile_: Compile,
    on_progress: OnProgress | None,
) -> tuple[float, float]:
    """One epoch: mean loss, and share of zeros in the states."""
    recipe, metric = network.recipe, tasks.by_name(network.recipe.task).metric
    losses = network.readout_bias.new_zeros(batches.count, dtype=torch.float64)
    carried: Tensors | None = None
    zeros = torch.zeros_like(losses)
    look_every = 1 if losses.device.type == "cpu" else LOOK_EVERY
    for k, batch in enumerate(batches.epoch(standing.epoch), start=1):
        done = (standing.epoch + (k - 1) / batches.count) / recipe.epochs
        for group in optimiser.param_groups:
            group["lr"] = _learning_rate(recipe, standing, done)
        rng = draw(recipe.seed, standing.epoch + 1, k) if recipe.rounding == "stochastic" else None
        state = network.start(recipe.batch) if carried is None else carried
        if recipe.initial_noise:
            state = tuple(s + recipe.initial_noise * torch.randn_like(s) for s in state)
        if recipe.threshold_ramp:
            for layer in network.stack:
                layer.threshold.fill_(recipe.threshold * min(1.0, done / recipe.threshold_ramp))
        passing = Passing(batch.active, precision.of_layers(recipe.products), MOMENTUM, compile_)
        out = network.run(batch.inputs, state, passing, rng)
        losses[k - 1] = _descend(network, optimiser, out, batch)
        zeros[k - 1] = _share_of_zeros(network, out, batch)
        if any(recipe.sparsities):
            _follow_quantiles(network, out, min(1.0, done / RAMP))
        if batch.lengths is None and recipe.carry_state:
            carried = tuple(s.detach() for s in out.state)
        if k % look_every and k < batches.count:
            continue
        _finite(losses[:k], recipe, standing)
        if on_progress:
            on_progress(
                TrainingProgress(
                    recipe.task, standing.epoch, recipe.epochs, k, batches.count, float(losses[k - 1]),
                    _loss(network).unit, metric, standing.validation_loss, float(zeros[:k].mean()),
                )
            )  # fmt: skip
    return float(losses.mean()), float(zeros.mean())


def _finite(losses: Tensor, recipe: Recipe, standing: Standing) -> None:
    """BadInput names the first mini-batch of the epoch whose loss is not."""
    wrong = (~losses.isfinite()).nonzero()
    if len(wrong):
        where = f"epoch {standing.epoch + 1}, mini-batch {int(wrong[0]) + 1}"
        raise BadInput(f"recipe {recipe.name}: the loss is not finite at {where}; a lower learning_rate may help")


def _descend(network: TrainedNetwork, optimiser: torch.optim.Optimizer, out: Sequence, batch: MiniBatch) -> Tensor:
    """One step of the optimiser; the loss before it ``()``, in its unit."""
    targets = batch.wanted if network.unit is None else network.unit.counted(batch.wanted)
    minimised = _loss(network)
    readout = network.readout(batch.answering(out.states), precision.of_readout(network.recipe.products))
    loss = minimised.of(readout, targets)
    penalised = loss + _penalty(network, out, batch.active)
    optimiser.zero_grad(set_to_none=True)
    penalised.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), network.recipe.clip_norm)
    optimiser.step()
    return loss.detach().double() / minimised.per_unit


def _loss(network: TrainedNetwork) -> Loss:
    return LOSSES[tasks.by_name(network.recipe.task).predicts]


def _penalty(network: TrainedNetwork, out: Sequence, active: Tensor | None) -> Tensor | float:
    """What the recipe adds to the loss for h, as recurrent products read it, over the steps that sequences run."""
    activity, union = network.recipe.activity_penalty, network.recipe.union_penalty
    if not (activity or union):
        return 0.0
    lit = torch.stack([layer.lit(each.states) for layer, each in zip(network.stack, out.layers, strict=True)])
    running = lit.new_ones(lit.shape[1:3]) if active is None else active[..., 0].to(lit.dtype)  # (T, B)
    penalty = lit.new_zeros(())
    if activity:
        penalty = activity * (lit.abs().mean() / running.mean())
    if union:
        over_sequences = torch.linalg.vector_norm(lit, dim=2) / running.sum(1).sqrt()[:, None]  # (layers, T, H)
        penalty = penalty + union * over_sequences.mean()
    return penalty


def _learning_rate(recipe: Recipe, standing: Standing, done: float) -> float:
    """`done`: share of the epochs behind."""
    if recipe.schedule == "cosine":
        return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
    return standing.learning_rate


def _follow_quantiles(network: TrainedNetwork, out: Sequence, ramp: float) -> None:
    """Thresholds towards the target sparsity: one for all layers, or, where the recipe lists them, one each."""
    magnitudes = [layer.magnitudes for layer in out.layers if layer.magnitudes is not None]
    if not isinstance(network.recipe.target_sparsity, tuple):
        magnitudes = [torch.cat(magnitudes)] * len(network.stack)
    may_be = 1 - network.recipe.unpruned_units / network.recipe.hidden
    for layer, values, sparsity in zip(network.stack, magnitudes, network.recipe.sparsities, strict=True):
        _follow_quantile(layer.threshold, values, sparsity * ramp / may_be)


def _follow_quantile(threshold: Tensor, magnitudes: Tensor, sparsity: float) -> None:
    """Move the threshold a tenth of the way to the `sparsity` quantile of |h| before pruning."""
    rank = max(1, min(magnitudes.numel(), round(sparsity * magnitudes.numel())))
    threshold.lerp_(torch.kthvalue(magnitudes, rank).values * (1.0 if sparsity else 0.0), 0.1)


@torch.no_grad()
def _share_of_zeros(network: TrainedNetwork, out: Sequence, batch: MiniBatch) -> Tensor:
    """In the states of all layers as recurrent products read them, at the last step ``()``."""
    last = [
        layer.lit(each.states[-1] if batch.lengths is None else last_steps(each.states, batch.lengths))
        for layer, each in zip(network.stack, out.layers, strict=True)
    ]
    return (torch.stack(last) == 0).float().mean()


def _log(path: Path, standing: Standing, loss: float, sparsity: float, network: TrainedNetwork) -> None:
    """One line an epoch, in place of that of a run that was stopped before the epoch's checkpoint."""
    thresholds = [f"{float(layer.threshold):.5f}" for layer in network.stack]
    metric = tasks.by_name(network.recipe.task).metric
    names = [f"threshold_{k + 1}" for k in range(len(thresholds))]
    header = ",".join(
        ["epoch", f"loss_{_loss(network).unit}".replace(" ", "_"), f"validation_{metric}", "sparsity", *names]
    )
    figures = f"{standing.epoch},{loss:.5f},{standing.validation_loss:.5f},{sparsity:.4f}"
    before = path.read_text().splitlines()[1 : standing.epoch] if path.exists() else []
    with whole_file(path) as part:
        part.write_text("\n".join([header, *before, ",".join([figures, *thresholds])]) + "\n")
