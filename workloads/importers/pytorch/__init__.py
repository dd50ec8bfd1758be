"""PyTorch state dicts: nn.LSTM, nn.GRU, nn.RNN and their cells, with what stands before and behind them.

From safetensors with numpy alone; from ``torch.save`` with PyTorch's ``weights_only`` loader, which runs no code of the
file. Gate rows lie in the order that `workloads.cells` has. A state dict holds tensors and no program, so what they are
is read from their names and shapes, or given.
"""

from workloads.importers.pytorch.choices import Choices, DenseChoice
from workloads.importers.pytorch.files import StateDict, read_safetensors, read_torch
from workloads.importers.pytorch.reader import to_network

__all__ = ["Choices", "DenseChoice", "StateDict", "read_safetensors", "read_torch", "to_network"]
