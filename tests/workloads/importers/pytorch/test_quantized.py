"""State dicts of torch's dynamic quantization: the integers that they hold are the model's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsim.errors import BadInput
from workloads.importers import Formats, import_model

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore")]
torch = pytest.importorskip("torch")
nn: Any = torch.nn

D, H, T, B = 3, 6, 5, 2


class Net(nn.Module):  # type: ignore[misc]  # torch comes by importorskip, without its types
    def __init__(self, kind: str, inputs: int = D, **options: Any) -> None:
        super().__init__()
        self.emb = nn.Embedding(7, inputs)
        self.rnn = getattr(nn, kind)(inputs, H, **options)
        self.fc = nn.Linear(H * (2 if options.get("bidirectional") else 1), 4)

    def forward(self, x: Any) -> Any:
        return self.fc(self.rnn(self.emb(x))[0])


def quantized(net: Any, per_channel: bool = False, dtype: Any = torch.qint8) -> Any:
    kinds = {nn.LSTM, nn.GRU, nn.Linear, nn.LSTMCell, nn.GRUCell}
    if per_channel:
        config = torch.ao.quantization.per_channel_dynamic_qconfig
        return torch.ao.quantization.quantize_dynamic(net.eval(), dict.fromkeys(kinds, config))
    return torch.ao.quantization.quantize_dynamic(net.eval(), kinds, dtype=dtype)


def saved(path: Path, value: object) -> Path:
    torch.save(value, path)
    return path


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2}, {"bidirectional": True, "num_layers": 2}])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_integers_stay_what_they_are(tmp_path, kind, options, per_channel):
    torch.manual_seed(1)
    net = quantized(Net(kind, **options), per_channel)
    notes: list[str] = []
    model = import_model(saved(tmp_path / "q.pt", net.state_dict()), note=notes.append)
    assert notes[0].startswith("torch's dynamic quantization rounds activations too, at a range of their own")
    directions = 2 if options.get("bidirectional") else 1
    assert len(model.layers) == directions * options.get("num_layers", 1)
    packed = [cell.param.__getstate__()[0][4] for cell in net.rnn._all_weight_values]
    for layer, cell in zip(model.layers, packed, strict=True):
        assert layer.config.weight_format in ("fixed8", "fixed8-row", "fixed9", "fixed9-row")
        for codes, part in zip((layer.input_codes, layer.recurrent_codes), cell, strict=True):
            np.testing.assert_array_equal(codes, part.__getstate__()[0][0].int_repr().numpy())
    weight = net.fc.weight()
    np.testing.assert_array_equal(model.readout_codes, weight.int_repr().numpy())
    x = torch.randint(0, 7, (T, B))
    with torch.no_grad():
        theirs = net(x).numpy()
    assert np.abs(model.run(x.numpy())[0] - theirs).max() < 0.03 * np.ptp(theirs)  # theirs rounds activations to 8 bits


def test_another_format_is_rounded_from_what_the_integers_stand_for(tmp_path):
    net = quantized(Net("LSTM"))
    path = saved(tmp_path / "q.pt", net.state_dict())
    kept = import_model(path).layers[0]
    own = import_model(path, formats=Formats(kept.config.weight_format)).layers[0]
    np.testing.assert_array_equal(own.recurrent_codes, kept.recurrent_codes)
    np.testing.assert_array_equal(own.scale_recurrent, kept.scale_recurrent)
    floats = import_model(path, formats=Formats("float32")).layers[0]
    np.testing.assert_array_equal(floats.recurrent_codes, kept.recurrent_codes * kept.scale_recurrent[:, None])


@pytest.mark.parametrize("cell", ["LSTMCell", "GRUCell"])
def test_cells_are_read(tmp_path, cell):
    net = quantized(nn.Sequential(getattr(nn, cell)(D, H)))
    model = import_model(saved(tmp_path / "q.pt", net.state_dict()))
    weight = net[0]._packed_weight_hh.__getstate__()[0][0]
    np.testing.assert_array_equal(model.layers[0].recurrent_codes, weight.int_repr().numpy())


def test_halves_are_floats(tmp_path):
    net = Net("GRU")
    half = quantized(net, dtype=torch.float16)
    notes: list[str] = []
    model = import_model(saved(tmp_path / "q.pt", half.state_dict()), note=notes.append)
    np.testing.assert_array_equal(model.layers[0].recurrent_codes, net.rnn.weight_hh_l0.detach().half().float())
    assert not any("quantization" in note for note in notes)


def test_two_layers_or_two_directions_are_asked_about(tmp_path):
    path = saved(tmp_path / "q.pt", quantized(Net("GRU", H, num_layers=2)).state_dict())
    with pytest.raises(BadInput, match=r"rnn\._all_weight_values may be two layers or two directions of one: import"):
        import_model(path)


def broken(name: str, value: Any) -> dict[str, Any]:
    return {**quantized(Net("LSTM")).state_dict(), name: value}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("fc.scale", torch.tensor(0.5), r"tensor fc\.scale must be 1, as dynamic quantization leaves it: static"),
        ("fc.zero_point", torch.tensor([1, 2]), r"tensor fc\.zero_point must be 0, as dynamic quantization leaves it"),
        ("fc._packed_params._packed_params", (1, 2, 3), r"_packed_params is packed in a way that is not known: import"),
        ("rnn._all_weight_values.0.param", torch.ones(2), r"0\.param is packed in a way that is not known: import"),
        ("fc._packed_params._packed_params", (torch.ones(2, 2), 3), r"fc\.bias must be a tensor, not of type int"),
    ],
)  # fmt: skip
def test_what_is_packed_in_another_way_is_named(tmp_path, name, value, message):
    with pytest.raises(BadInput, match=message) as caught:
        import_model(saved(tmp_path / "q.pt", broken(name, value)))
    assert "\n" not in str(caught.value)
