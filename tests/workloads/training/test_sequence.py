"""The gradient of every cell with every norm, against PyTorch's own on the same equations written out again."""

import pytest

from workloads import cells

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

STEPS, BATCH, HIDDEN = 6, 7, 5
LENGTHS = (6, 6, 5, 4, 3, 2, 1)
GATES = {cell.name: len(cell.gates) for cell in cells.ALL if not cell.peepholes}
STATES = {cell.name: len(cell.states) for cell in cells.ALL if not cell.peepholes}
OWN = {"lstm-normed-cell": (2, HIDDEN)}
sigmoid, tanh = torch.sigmoid, torch.tanh


def rounded(v, bits, integer_bits):
    """Straight through: the value of the rounding, the gradient of what is clipped to the range."""
    if bits is None:
        return v
    unit, top = 2.0 ** (integer_bits + 1 - bits), 2.0**integer_bits
    v = torch.minimum(torch.maximum(v, torch.tensor(-top)), torch.tensor(top))
    return v + (torch.clamp(torch.round(v / unit) * unit, -top, top - unit) - v).detach()


def normalised(norm, z, gain, lanes):
    if norm == "layer":
        return gain * torch.nn.functional.layer_norm(z, z.shape[1:], eps=1e-5)
    if norm == "batch":
        return gain * (z - z[lanes].mean(0)) / torch.sqrt(z[lanes].var(0, correction=0) + 1e-5)
    return z


class WrittenOut:
    """One step, with PyTorch's own operations and slices; `read` is what becomes of an operand of W_h."""

    def __init__(self, norm, x, weight, gain, shift, state, lanes, bits, integer_bits, read):
        self.read = read
        self.norm, self.x, self.weight, self.gain, self.shift, self.lanes = norm, x, weight, gain, shift, lanes
        self.h, *self.rest = state
        self.hidden, self.bits, self.integer_bits = self.h.shape[1], bits, integer_bits

    def part(self, first, last, v):
        rows = slice(first * self.hidden, last * self.hidden)
        return normalised(self.norm, self.read(v) @ self.weight[rows].t(), self.gain[rows], self.lanes)

    def gate(self, k, y, first=0):
        n = self.hidden
        return self.x[:, k * n : (k + 1) * n] + y[:, (k - first) * n : (k - first + 1) * n]

    def lstm(self):
        y = self.part(0, 4, self.h)
        c = sigmoid(self.gate(1, y)) * self.rest[0] + sigmoid(self.gate(0, y)) * tanh(self.gate(2, y))
        return sigmoid(self.gate(3, y)) * tanh(c), c

    def lstm_normed_cell(self):
        y, (gain, shift) = self.part(0, 4, self.h), self.shift
        c = sigmoid(self.gate(1, y)) * self.rest[0] + sigmoid(self.gate(0, y)) * tanh(self.gate(2, y))
        return sigmoid(self.gate(3, y)) * tanh(normalised("batch", c, gain, self.lanes) + shift), c

    def gru(self):
        y, hidden = self.part(0, 3, self.h), self.hidden
        r, z = sigmoid(self.gate(0, y)), sigmoid(self.gate(1, y))
        n = tanh(self.x[:, 2 * hidden :] + r * (y[:, 2 * hidden :] + self.shift))
        return ((1 - z) * n + z * self.h,)

    def gru_classic(self):
        y = self.part(0, 2, self.h)
        r, z = sigmoid(self.gate(0, y)), sigmoid(self.gate(1, y))
        reset = rounded(r * self.h, self.bits, self.integer_bits)
        n = tanh(self.gate(2, self.part(2, 3, reset), first=2))
        return ((1 - z) * n + z * self.h,)

    def rnn_tanh(self):
        return (tanh(self.gate(0, self.part(0, 1, self.h))),)

    def rnn_relu(self):
        return (torch.relu(self.gate(0, self.part(0, 1, self.h))),)


EQUATIONS = {
    "lstm": WrittenOut.lstm,
    "lstm-normed-cell": WrittenOut.lstm_normed_cell,
    "gru": WrittenOut.gru,
    "gru-classic": WrittenOut.gru_classic,
    "rnn-tanh": WrittenOut.rnn_tanh,
    "rnn-relu": WrittenOut.rnn_relu,
}


def written_out(
    cell, norm, x, weight, gain, shift, state, threshold, bits, integer_bits, lengths, pruned="all", straight=False
):
    """The sequence step by step: every h, and the state after the last."""

    def prune(v):
        kept = v * (v.abs() >= threshold)
        return v + (kept - v).detach() if straight else kept

    def same(v):
        return v

    store, read = (prune, same) if pruned == "all" else (same, prune)
    states = []
    for t in range(len(x)):
        lanes = torch.tensor([length > t for length in lengths])
        at = WrittenOut(norm, x[t], weight, gain, shift, state, lanes, bits, integer_bits, read)
        h, *rest = EQUATIONS[cell](at)
        h = rounded(store(h), bits, integer_bits)
        state = tuple(torch.where(lanes[:, None], v, torch.zeros_like(v)) for v in (h, *rest))
        states.append(state[0])
    return torch.stack(states), state


def test_every_cell_is_covered_here():
    for cell in GATES:
        assert cell in EQUATIONS, f"cell {cell}: write its training step out in EQUATIONS of {__file__}"


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
@pytest.mark.parametrize("cell", GATES)
@pytest.mark.parametrize(
    ("threshold", "bits", "integer_bits", "lengths"),
    [
        (0.0, None, 0, (STEPS,) * BATCH),
        (0.12, 6, 0, (STEPS,) * BATCH),
        (0.0, 5, 1, LENGTHS),
        (0.12, None, 0, LENGTHS),
    ],
    ids=["plain", "pruned-rounded", "rounded-unequal", "pruned-unequal"],
)
def test_the_gradient_is_that_of_plain_autograd(cell, norm, threshold, bits, integer_bits, lengths):
    states = both_ways(cell, norm, torch.tensor(threshold, dtype=torch.float64), bits, integer_bits, lengths)
    if threshold:
        assert 0.02 < (states == 0).double().mean() < 0.9


@pytest.mark.parametrize("lengths", [(STEPS,) * BATCH, LENGTHS], ids=["equal", "unequal"])
@pytest.mark.parametrize("straight", [False, True])
@pytest.mark.parametrize("pruned", ["all", "recurrence"])
@pytest.mark.parametrize("cell", GATES)
def test_the_gradient_through_what_is_pruned_is_zero_or_goes_straight_through(cell, pruned, straight, lengths):
    """Of units that have a threshold; the first two have none."""
    threshold = torch.tensor([0.0, 0.0, 0.3, 0.3, 0.3], dtype=torch.float64)
    states = both_ways(cell, "layer", threshold, None, 0, lengths, pruned=pruned, straight=straight)
    below = states[..., 2:][(states[..., 2:].abs() < 0.3)]
    assert 0.1 < below.numel() / states[..., 2:].numel() < 0.98
    assert bool((below != 0).any()) == (pruned == "recurrence")
    assert (states[..., :2].abs() < 0.3).any()


def both_ways(cell, norm, threshold, bits, integer_bits, lengths, pruned="all", straight=False):
    """h of the steps that run, ``(N, H)``, once it and its gradients are equal to those written out."""
    from workloads.training.sequence import Inputs, StepKind, eager, kernels, run_layer

    generator = torch.Generator().manual_seed(0)

    def drawn(*shape, scale=1.0):
        return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)

    rows = GATES[cell] * HIDDEN
    x, weight = drawn(STEPS, BATCH, rows), drawn(rows, HIDDEN, scale=0.6)
    gain, own = drawn(rows, scale=0.5), drawn(*OWN.get(cell, (HIDDEN,)))
    state = tuple(drawn(BATCH, HIDDEN, scale=0.3) for _ in range(STATES[cell]))
    active = torch.tensor(lengths) > torch.arange(STEPS)[:, None]
    towards = drawn(STEPS, BATCH, HIDDEN) * active[..., None]
    kind = StepKind(cells.by_name(cell), norm, bits, integer_bits, True, pruned, straight)
    running = None if min(lengths) == STEPS else active[..., None]

    def ours(x, weight, gain, own, *state):
        inputs = Inputs(kind, kernels(kind, eager), threshold, state, running, torch.float64)
        return run_layer(x, weight, gain, own, inputs)[:2]

    def theirs(x, weight, gain, own, *state):
        return written_out(
            cell, norm, x, weight, gain, own, state, threshold, bits, integer_bits, lengths, pruned, straight
        )

    results = []
    for run in (ours, theirs):
        leaves = [leaf.clone().requires_grad_() for leaf in (x, weight, gain, own, *state)]
        states, after = run(*leaves)
        (states * towards).sum().backward()
        results.append(
            [
                states.detach(),
                *(a.detach() for a in after),
                *(torch.zeros_like(v) if v.grad is None else v.grad for v in leaves),
            ]
        )
    for mine, other in zip(*results, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-11)
    assert all(gradient.abs().max() > 0 for gradient in results[0][1 + len(state) :][:2])
    return results[0][0][active]


@pytest.mark.parametrize("lengths", [(STEPS,) * BATCH, LENGTHS], ids=["equal", "unequal"])
def test_magnitudes_are_those_before_pruning_of_sequences_that_run(lengths):
    from workloads.training.sequence import Inputs, StepKind, eager, kernels, run_layer

    kind = StepKind(cells.by_name("rnn-tanh"), "none", None, 0, keep_magnitudes=True)
    active = (torch.tensor(lengths) > torch.arange(STEPS)[:, None])[..., None]
    x = torch.randn(STEPS, BATCH, HIDDEN, generator=torch.Generator().manual_seed(1))
    none = torch.zeros(HIDDEN, HIDDEN), torch.ones(HIDDEN), torch.zeros(HIDDEN)
    state = (torch.zeros(BATCH, HIDDEN),)
    out = run_layer(x, *none, Inputs(kind, kernels(kind, eager), torch.tensor(0.5), state, active, torch.float32))
    expected = [torch.tanh(x[t]).abs()[active[t, :, 0]].flatten() for t in (0, 2, 3, 5)]
    torch.testing.assert_close(out.magnitudes, torch.cat(expected))
    assert out.statistics == ()


def test_weight_norm_has_no_gradient_along_a_row():
    from workloads.training.norms import ProductNorm

    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(6, 9, generator=generator, dtype=torch.float64, requires_grad=True)
    towards = torch.randn(6, 9, generator=generator, dtype=torch.float64)
    norm = ProductNorm("weight", weight.detach(), 1).double()
    torch.testing.assert_close(norm.weight(weight), weight, rtol=1e-12, atol=0)  # the first gain is the length
    (norm.weight(weight) * towards).sum().backward()
    unit = weight.detach() / weight.detach().norm(dim=1, keepdim=True)
    across = towards - (towards * unit).sum(1, keepdim=True) * unit
    torch.testing.assert_close(weight.grad, across, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.gain.grad, (towards * unit).sum(1), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, within torch.compile
@pytest.mark.parametrize("unequal", [False, True])
@pytest.mark.parametrize(
    ("cell", "norm"),
    [
        ("lstm", "batch"),
        ("lstm-normed-cell", "batch"),
        ("gru", "none"),
        ("gru-classic", "layer"),
        ("rnn-tanh", "batch"),
    ],
)
def test_a_compiled_step_computes_what_an_eager_one_does(cell, norm, unequal):
    from workloads.training.sequence import Inputs, StepKind, compiled, eager, kernels, run_layer

    generator = torch.Generator().manual_seed(0)

    def drawn(*shape, scale=1.0):
        return scale * torch.randn(*shape, generator=generator)

    rows = GATES[cell] * HIDDEN
    own = drawn(*OWN.get(cell, (HIDDEN,)))
    leaves = drawn(STEPS, BATCH, rows), drawn(rows, HIDDEN, scale=0.6), drawn(rows, scale=0.5), own
    state = tuple(drawn(BATCH, HIDDEN, scale=0.3) for _ in range(STATES[cell]))
    active = (torch.tensor(LENGTHS) > torch.arange(STEPS)[:, None])[..., None] if unequal else None
    towards = drawn(STEPS, BATCH, HIDDEN)
    kind, results = StepKind(cells.by_name(cell), norm, 8, 0, keep_magnitudes=True), []
    for compile_ in (eager, compiled):
        copies = [leaf.clone().requires_grad_() for leaf in leaves]
        out = run_layer(*copies, Inputs(kind, kernels(kind, compile_), torch.tensor(0.1), state, active, torch.float32))
        (out.states * towards).sum().backward()
        assert torch.equal((out.states * 128).round(), out.states * 128)  # on the grid, to the last bit
        results.append(
            [
                out.states.detach(),
                *out.state,
                out.magnitudes,
                *(each for pair in out.statistics for each in pair),
                *(c.grad for c in copies if c.grad is not None),
            ]
        )
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
