"""What an import says of each matrix is what can be counted by hand."""

from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from archsim.errors import BadInput
from workloads import formats
from workloads.importers import Choices, DenseChoice, Formats, import_model, import_with_report
from workloads.importers.network import FloatLayer, ImportedNetwork, StoredCodes, to_model
from workloads.importers.report import report_of

H, D = 5, 3


def drawn(*shape: int, size: float = 0.5) -> Any:
    return np.random.default_rng(list(shape)).normal(0, size, shape).astype(np.float32)


TENSORS = {
    "into.weight": drawn(D, 4), "rnn.weight_ih_l0": drawn(4 * H, D), "rnn.weight_hh_l0": drawn(4 * H, 2),
    "rnn.weight_hr_l0": drawn(2, H), "hid.weight": drawn(7, 2), "fc.weight": drawn(6, 7),
}  # fmt: skip
CHOICES = Choices(dense=DenseChoice("into"), head=(DenseChoice("hid", "relu"),), readout="fc")
ROLES = ("dense", "W_x 1", "W_h 1", "W_hr 1", "head 1", "readout")


@pytest.mark.parametrize("name", ["float32", "fixed4", "fixed3-row", "ternary", "binary", "exponential3"])
def test_every_matrix_is_listed_with_its_error(tmp_path, name):
    save_file(TENSORS, tmp_path / "m.safetensors")
    imported = import_with_report(tmp_path / "m.safetensors", choices=CHOICES, formats=Formats(name))
    assert tuple(m.role for m in imported.matrices) == ROLES
    assert tuple(m.tensor for m in imported.matrices) == tuple(TENSORS)
    for matrix, weight in zip(imported.matrices, TENSORS.values(), strict=True):
        fmt = formats.by_name(name)
        scale = fmt.closest_scale(weight).reshape(-1, 1)
        values = fmt.quantize(weight, scale) * scale
        assert (matrix.rows, matrix.columns, matrix.format) == (*weight.shape, name)
        assert matrix.error == pytest.approx(np.sqrt(np.sum((weight - values) ** 2) / np.sum(weight**2)), abs=1e-6)
        assert matrix.zero == np.mean(values == 0)
        assert 0 <= matrix.clipped < 0.3
    assert list(imported.to_frame()["role"]) == list(ROLES)
    same = import_model(tmp_path / "m.safetensors", choices=CHOICES, formats=Formats(name))
    assert imported.model.sha256 == same.sha256


def test_what_lies_beyond_the_largest_code_is_counted():
    weight = np.full((4, 8), 0.25, np.float32)
    weight[0, 0] = 100
    layer = FloatLayer("rnn-tanh", weight, drawn(4, 4), np.zeros(4, np.float32))
    network = ImportedNetwork("vector", (layer,))
    inputs, _ = report_of(network, to_model(network, "m", Formats("ternary")))
    assert inputs.clipped == 0
    assert inputs.zero == 31 / 32
    many = np.full((40, 80), 0.25, np.float32)
    many[0, 0] = 1
    layer = FloatLayer("rnn-tanh", many, drawn(40, 40), np.zeros(40, np.float32))
    network = ImportedNetwork("vector", (layer,))
    inputs, _ = report_of(network, to_model(network, "m", Formats("ternary")))
    assert inputs.clipped == 1 / many.size


def test_integers_are_kept_and_have_no_error():
    codes = np.array([[-128, 3], [5, 127]], np.int16)
    stored = StoredCodes(codes, np.float32([0.01]), 8)
    layer = FloatLayer("rnn-tanh", stored.weight, stored.weight, np.zeros(2, np.float32), input_codes=stored)
    network = ImportedNetwork("vector", (layer,))
    model = to_model(network, "m", Formats())
    inputs, recurrent = report_of(network, model)
    assert (inputs.format, inputs.error) == ("fixed9", 0)  # symmetric, as all fixed point here: -128 takes nine bits
    assert (recurrent.format, recurrent.error) == ("float32", 0)
    np.testing.assert_array_equal(model.layers[0].input_codes, codes)
    small = StoredCodes(codes // 2, np.float32([0.01, 0.02]), 8)
    assert small.format == "fixed8-row"
    assert StoredCodes(codes.astype(np.int64) * 2**20, np.float32([1]), 32).format is None


def test_a_matrix_of_nothing_but_zeros_is_refused():
    tiny = np.full((4, 4), 1e-9, np.float32)
    network = ImportedNetwork("vector", (FloatLayer("rnn-tanh", drawn(4, 3), tiny, np.zeros(4, np.float32)),))
    with pytest.raises(
        BadInput, match=r"^W_h of layer 1: all of its weights are zero in float16, the largest being 1e-09"
    ):
        to_model(network, "m", Formats("float16"))
