"""Integer-only inference after training.

The algorithm is the project's own, after the aim of PTQ (Rapuano, Pacini, Fanucci, CIN 2022:9485933): fixed-point
arithmetic alone. Their method is not followed (docs/results/papers.md).

From a float `Model` and calibration data to a model whose step has no float in it::

    ranges = calibrate(model)                      # how large everything gets, in the float model
    small = quantize(model, ranges, Settings(weight_bits=6, activation_bits=8))
    task.evaluate(small, "validation")             # an IntegerModel runs wherever a Model does
    search_bits(model, task, max_relative_loss=0.01)

What an `IntegerModel` computes
-------------------------------
- **Numbers.** Two's complement integers with a binary point (`Number`): a code stands for ``code * 2^-fraction``.
  Activations, states, biases and arguments have one number a layer; weights are symmetric (`formats.Fixed`) with one
  fraction a matrix or one a row. All scales are powers of two, so all rescaling is shifting.
- **Rounding.** A right shift by n rounds half up: ``(v + 2^(n-1)) >> n``. A left shift is exact. Whatever does not fit
  its number afterwards is clipped, and counted (`IntegerModel.saturations`); what of the constants does not fit is
  counted once, when the model is made (`IntegerModel.constants_clipped`).
- **Accumulators.** Each row adds bias, input product and recurrent product in one accumulator of `accumulator_bits`,
  unless stated the fewest that are proved never to overflow.
  Its fraction is the finer of the two products'; the coarser product is shifted left, exactly. The order is: bias,
  input columns, state columns, clipped after each. Where the ranges prove that neither the bias nor a partial sum can
  leave the accumulator, that is one matrix product (`IntegerModel.proofs`); elsewhere it saturates as hardware would.
- **Gates.** Accumulators are shifted to the argument of sigmoid or tanh (`preactivation_bits`), clipped, and looked up:
  a table, or piecewise-linear segments (`activations`). Results have ``gate_bits - 1`` fraction bits; a sigmoid reaches
  1 exactly.
- **Cells.** Products of gates and states are integer products; the sum of two of them is taken at the finer fraction,
  exactly, and rounded once (`workloads.cells`).
- **Pruning.** ``|h| < threshold`` is an integer comparison at the precision that h is made with, before it is rounded,
  as the float model prunes before it rounds. An input threshold compares codes, and so does that of an initial h; of
  real inputs, before they are rounded.
- **Dense layers**, before the recurrent ones or below the readout, add bias and product in accumulators of their own;
  their results, or the positive parts, are rounded once, to a number of their own.
- **Directions.** Both directions of a layer have one number for h. A mean over the steps is the nearest code, halves
  up.
- **Edges.** Real inputs are rounded to codes as they enter, halves to even; logits are integers, scaled to floats for
  a metric alone. One-hot symbols and embedded tokens are look-ups of integers.

What is quantized anew is the effective real weight: codes times scales, folded norms included. The float model's own
`state_bits` and `input_bits` give way to the settings'; its thresholds stay. The next layer reads the codes of h as
they are. A layer norm is refused: its mean and variance are no fixed-point operation here.
"""

from workloads.fixed_point.activations import ActivationError, Segments, WordTable, error_table
from workloads.fixed_point.layers import Proof
from workloads.fixed_point.model import IntegerModel
from workloads.fixed_point.own_data import OwnData
from workloads.fixed_point.quantize import calibrate, quantize
from workloads.fixed_point.ranges import LayerRanges, Ranges, analyse
from workloads.fixed_point.search import BitSearch, MeasuredBits, relative_loss, search_bits, sweep
from workloads.fixed_point.settings import IntegerWidths, MemoryBits, Settings
from workloads.fixed_point.spec import IntegerSpec
from workloads.numbers import Number, Saturations

__all__ = [
    "ActivationError",
    "BitSearch",
    "IntegerModel",
    "IntegerSpec",
    "IntegerWidths",
    "LayerRanges",
    "MeasuredBits",
    "MemoryBits",
    "Number",
    "OwnData",
    "Proof",
    "Ranges",
    "Saturations",
    "Segments",
    "Settings",
    "WordTable",
    "analyse",
    "calibrate",
    "error_table",
    "quantize",
    "relative_loss",
    "search_bits",
    "sweep",
]
