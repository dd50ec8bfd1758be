"""Recipes: everything that decides a training run, as TOML."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, model_validator

from archsim.errors import (
    BadInput,
    explain,
    near,
)
from archsim.files import read_toml
from archsim.frozen import Frozen
from workloads import cells, formats, tasks
from workloads.formats import WeightFormat
from workloads.state_pruning import CONSUMERS, Consumer, pruned_for
from workloads.training import recipes

FormatName = Annotated[str, AfterValidator(lambda name: formats.by_name(name).name)]
Norm = Literal["none", "batch", "batch-per-step", "layer", "weight"]
Products = Literal["fastest", "bfloat16", "bfloat16-layers", "medium", "float32"]


class First(Frozen):
    """A curriculum: a run before, on an easier task of the same data; each field takes the place of the recipe's."""

    model_config = ConfigDict(allow_inf_nan=False)

    task: str = Field(description="of the same symbols or features, and outputs")
    epochs: int = Field(ge=1)
    learning_rate: float | None = Field(default=None, gt=0, description="absent: the recipe's")


class Recipe(Frozen):
    """One training run. Those of a `group` are compared: they have equal epochs, optimiser and patience.

    A text is trained on in `batch` streams, `steps` steps at a time; whole sequences in mini-batches of `batch`.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    task: Annotated[str, AfterValidator(tasks.known_as)]

    cell: Annotated[str, AfterValidator(lambda name: cells.by_name(name).name)] = "lstm"
    hidden: int = Field(ge=1)
    layers: int = Field(default=1, ge=1)
    embedding: int | None = Field(default=None, ge=1, description="size of a trained embedding; absent: one-hot")
    norm: Norm = Field(default="batch", description="of the two products of a layer, each by itself")

    weight_format: FormatName = Field(description="of W_h")
    input_weight_format: FormatName | None = Field(default=None, description="of W_x; absent: as W_h")
    readout_format: FormatName | None = Field(default=None, description="absent: fixed8 where W_h is quantized")
    embedding_format: FormatName | None = Field(default=None, description="absent: as the readout")
    rounding: Literal["deterministic", "stochastic"] = Field(
        default="deterministic", description="stochastic: weights are drawn anew for every mini-batch"
    )
    round_biases: bool = Field(default=False, description="biases as well, at the scale of the weights (LIMP)")

    state_bits: int | None = Field(default=None, ge=2, le=16, description="Qm.n of the hidden state; absent: float")
    state_integer_bits: int = Field(default=0, ge=0, le=15, description="m of Qm.n")
    threshold: float = Field(default=0.0, ge=0.0, description="|h| below it becomes zero (SKIP)")
    target_sparsity: float | tuple[float, ...] = Field(
        default=0.0, description="sets the threshold by quantile of |h|; a list: one for each layer"
    )
    activity_penalty: float = Field(
        default=0.0,
        ge=0.0,
        description="of the mean |h|, added to the loss in nats: large states raise the threshold that prunes so many",
    )
    union_penalty: float = Field(
        default=0.0,
        ge=0.0,
        description="of the root mean square of h over the sequences of a mini-batch, mean over steps and units: a "
        "unit is silent in all of them, or none (group lasso, Yuan & Lin 2006)",
    )
    threshold_ramp: float = Field(
        default=0.0, ge=0.0, le=1.0, description="share of the epochs over which a fixed threshold rises from zero"
    )
    pruned: tuple[Consumer, ...] = Field(
        default=CONSUMERS, description="what reads h pruned; the others read a dense h. Penalties are of what is pruned"
    )
    pruning_gradient: Literal["exact", "straight-through"] = Field(
        default="exact", description="of an element that is pruned: zero, or as if it were not"
    )
    unpruned: float = Field(default=0.0, ge=0.0, lt=1.0, description="share of the units that are never pruned")
    input_bits: int | None = Field(default=None, ge=2, le=16, description="the same for vectors that enter the network")
    input_integer_bits: int = Field(default=0, ge=0, le=15)
    input_threshold: float = Field(default=0.0, ge=0.0)

    memory_steps: int | None = Field(
        default=None,
        ge=3,
        description="an LSTM begins with memories of up to so many steps (chrono initialisation, Tallec & Ollivier "
        "2018); absent: the forget gate has a bias of 1",
    )
    input_std: float | None = Field(
        default=None,
        gt=0,
        description="standard deviation that W_x begins with, where no norm divides it out; absent: Glorot's, far too "
        "little where one small number enters at each step",
    )

    epochs: int = Field(ge=1)
    patience: int = Field(ge=1, description="epochs without a better validation metric before the run ends")
    batch: int = Field(default=128, ge=2)
    steps: int = Field(default=50, ge=4, description="steps of truncated backpropagation through time")
    optimiser: Literal["adam", "sgd"] = "adam"
    learning_rate: float = Field(default=0.003, gt=0)
    schedule: Literal["cosine", "constant", "plateau"] = Field(
        default="cosine", description="plateau: divided by lr_decay after an epoch without a better validation metric"
    )
    lr_decay: float = Field(default=4.0, gt=1)
    clip_norm: float = Field(default=1.0, gt=0)
    input_dropout: float = Field(default=0.0, ge=0.0, lt=1.0, description="of vectors that enter the network")
    output_dropout: float = Field(default=0.0, ge=0.0, lt=1.0, description="of what leaves each layer upwards")
    initial_state: Literal["zeros", "learned"] = Field(
        default="zeros",
        description="what sequences begin with; learned: parameters of each layer, zeros at first (RBT)",
    )
    carry_state: bool = Field(
        default=True,
        description="each window of a text begins with what the one before left; false: with the initial state (RBT)",
    )
    initial_noise: float = Field(
        default=0.0,
        ge=0.0,
        description="standard deviation of noise on the state that sequences begin with, in training. Batch norm of "
        "sequences that begin alike (sequential MNIST: black pixels) needs it: their variance is zero, so the gradient "
        "grows at each step (Cooijmans et al. 2017)",
    )
    products: Products = Field(
        default="fastest",
        description="precision of the matrix products in training; inference is float32. bfloat16-layers: the readout "
        "in float32; medium: float32, of which the library may round operands; fastest: bfloat16 where the device "
        "multiplies it, else medium",
    )
    seed: int = Field(default=1, ge=0)
    start_from: str | None = Field(
        default=None, description="fine-tuning: folder of a run, or float model (file or zoo name), of the same shape"
    )
    first: First | None = Field(
        default=None,
        description="a dense run before this one, from whose best weights it starts; where its sequences are shorter, "
        "memories are by as much",
    )

    @property
    def group(self) -> str:
        """Task, cell and size: what models that are compared have in common."""
        layers = f" x {self.layers}" if self.layers > 1 else ""
        return f"{self.task} {self.cell} {self.hidden}{layers}"

    @property
    def recurrent(self) -> WeightFormat:
        """Format of W_h."""
        return formats.by_name(self.weight_format)

    @property
    def input(self) -> WeightFormat:
        """Format of W_x."""
        return formats.by_name(self.input_weight_format or self.weight_format)

    @property
    def readout(self) -> WeightFormat:
        """Format of the readout, 8-bit where W_h is quantized: an integer array can then run the whole model."""
        quantized = self.recurrent.multiplier != "float"
        return formats.by_name(self.readout_format or ("fixed8" if quantized else "float32"))

    @property
    def table(self) -> WeightFormat:
        """Format of the embedding."""
        return formats.by_name(self.embedding_format) if self.embedding_format else self.readout

    @property
    def sparsities(self) -> tuple[float, ...]:
        """Target sparsity of each layer."""
        target = self.target_sparsity
        return target if isinstance(target, tuple) else (target,) * self.layers

    @property
    def unpruned_units(self) -> int:
        """Units of a layer that are never pruned, the first ones."""
        return round(self.unpruned * self.hidden)

    def before(self, longer: float) -> "Recipe":
        """The run that `first` asks for; sequences, and so memories, are `longer` times as long here as there."""
        assert self.first is not None
        memory_steps = self.memory_steps and max(3, round(self.memory_steps / longer))
        keys = ("threshold", "threshold_ramp", "target_sparsity", "activity_penalty", "union_penalty")
        dense = dict.fromkeys(keys, 0.0)
        fields = self.first.model_dump(exclude_none=True)
        return self.changed(**fields, **dense, memory_steps=memory_steps, first=None)

    def changed(self, **fields: Any) -> "Recipe":
        """This recipe with other values in some fields; BadInput where they do not fit."""
        try:
            return Recipe.model_validate(self.model_dump() | fields)
        except ValidationError as error:
            raise BadInput(f"recipe {self.name}: {explain(error)}") from None

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        for rule in (self._fixed_points, self._inputs, self._sparsity, self._norm, self._start, self._rounding):
            rule()
        if cells.by_name(self.cell).peepholes:
            raise ValueError(f"cell: {self.cell} is not trained here; train an lstm, or import a trained network")
        if self.memory_steps and not cells.keeps_by_gates(cells.by_name(self.cell).gates):
            raise ValueError(f"memory_steps: cell {self.cell} has no gates of its own to keep and to take in")
        if self.first is not None:
            self._curriculum(tasks.at_hand(self.first.task), tasks.at_hand(self.task))
        return self

    def _curriculum(self, easier: tasks.Task[Any] | None, own: tasks.Task[Any] | None) -> None:
        if easier is None or own is None:  # its file is gone: no training, but a card still says what was done
            return
        for what in ("symbols", "features", "outputs"):
            theirs, ours = getattr(easier, what), getattr(own, what)
            if theirs != ours:
                raise ValueError(f"first: {what} of {easier.name} must be {ours}, as those of {own.name}, not {theirs}")
        if self.norm == "batch-per-step":
            raise ValueError("first: norm batch-per-step has statistics of each step, which another task has not")
        self.before(longer=1.0)  # holds together by itself

    def _fixed_points(self) -> None:
        for what, bits, integer in (
            ("state", self.state_bits, self.state_integer_bits),
            ("input", self.input_bits, self.input_integer_bits),
        ):
            if integer >= (bits or 1):
                raise ValueError(f"{what}_integer_bits must be below {what}_bits = {bits}, not {integer}")

    def _inputs(self) -> None:
        task = tasks.at_hand(self.task)
        if task is None:
            return
        if task.symbols is None and (self.embedding or self.embedding_format):
            raise ValueError(f"embedding: {self.task} has vectors, which need none")
        if self.embedding_format and not self.embedding:
            raise ValueError("embedding_format: there is no embedding")
        if task.symbols is not None and not self.embedding:
            for key in ("input_bits", "input_threshold", "input_dropout"):
                if getattr(self, key):
                    raise ValueError(f"{key}: a one-hot input is neither rounded, pruned nor dropped")

    def _sparsity(self) -> None:
        if len(self.sparsities) != self.layers:
            given = len(self.sparsities)
            raise ValueError(f"target_sparsity must be one number or {self.layers}, one a layer, not {given}")
        most = 1 - self.unpruned_units / self.hidden
        for sparsity in self.sparsities:
            if not 0 <= sparsity < most:
                below = f"{most:g}{', the share of the units that may be pruned' if self.unpruned else ''}"
                raise ValueError(f"target_sparsity must be at least 0 and below {below}, not {sparsity}")
        if self.threshold_ramp and (any(self.sparsities) or not self.threshold):
            raise ValueError("threshold_ramp is that of a fixed threshold: it needs one, and no target_sparsity")
        pruned_for(self.pruned, last=True)

    def _norm(self) -> None:
        if self.input_std and self.norm not in ("none", "weight"):
            raise ValueError(f"input_std: norm {self.norm} divides it out again")
        if self.norm == "batch-per-step" and self._one_text:
            raise ValueError(f"norm: batch-per-step is for sequences of one length; {self.task} is one long text")

    @property
    def _one_text(self) -> bool:
        task = tasks.at_hand(self.task)
        return task is not None and task.predicts == "symbols"

    def _start(self) -> None:
        if self.initial_noise and self._one_text:
            raise ValueError(f"initial_noise: {self.task} is one long text, whose state is carried on")
        if not self.carry_state and tasks.at_hand(self.task) is not None and not self._one_text:
            raise ValueError(f"carry_state: {self.task} has whole sequences, which all begin with the initial state")

    def _rounding(self) -> None:
        if self.rounding == "stochastic" and not (self.recurrent.stochastic or self.input.stochastic):
            raise ValueError(f"rounding: weight format {self.weight_format} has no stochastic rounding")


def load_recipe(name_or_path: str | Path) -> Recipe:
    """A shipped recipe by name, or one from a TOML file; BadInput names the file and the rule it breaks."""
    shipped = str(name_or_path) in recipes.ALL
    path = recipes.FOLDER / f"{name_or_path}.toml" if shipped else Path(name_or_path)
    try:
        return Recipe.model_validate(_beside(path, read_toml(path)))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such recipe file, nor one of {near(str(path), recipes.ALL)}") from None
    except ValidationError as error:
        raise BadInput(f"{path}: {explain(error)}") from None


def _beside(path: Path, tree: dict[str, Any]) -> dict[str, Any]:
    """A recipe's tree with the files of its tasks relative to it, as they are meant, where they are there."""
    first = tree.get("first")
    changes: dict[str, Any] = {"first": _beside(path, first)} if isinstance(first, dict) else {}
    task = tree.get("task")
    if isinstance(task, str) and tasks.is_file(task) and (path.parent / task).is_file():
        changes["task"] = str(path.parent / task)
    return {**tree, **changes}
