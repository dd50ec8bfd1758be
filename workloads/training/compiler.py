"""What turns a function of tensors into one kernel, where there is a compiler."""

import shutil
from collections.abc import Callable
from typing import Any

import torch

COMPILED_VARIANTS = 64
"""Shapes and kinds of step one process may compile. PyTorch's own limit, 8, is met by a sweep over cells and norms."""

Compile = Callable[[Callable[..., Any]], Callable[..., Any]]


def eager(function: Callable[..., Any]) -> Callable[..., Any]:
    """No compiler: each operation by itself."""
    return function


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """One kernel (torch.compile): several times as fast on a CPU. Needs a C++ compiler."""
    torch._dynamo.config.cache_size_limit = max(torch._dynamo.config.cache_size_limit, COMPILED_VARIANTS)
    return torch.compile(function, dynamic=False)


def fastest() -> Compile:
    """`compiled` where there is a C++ compiler."""
    return eager if shutil.which("c++") is None else compiled
