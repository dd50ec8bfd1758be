"""In what precision the matrix products of training are computed. Inference is in float32."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from workloads.training.recipe import Products, Recipe

BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Of x86 and ARM CPUs whose instructions multiply bfloat16."""


def settled(recipe: Recipe, device: str) -> Recipe:
    """`recipe` with ``fastest`` replaced by what it is on `device`: checkpoints and cards say what was done."""
    if recipe.products != "fastest":
        return recipe
    return recipe.changed(products="bfloat16" if multiplies_bfloat16(device) else "medium")


def multiplies_bfloat16(device: str) -> bool:
    """Whether `device` has instructions for it. Where it has not, the products are emulated: slower than float32."""
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return not BFLOAT16_FLAGS.isdisjoint(_cpu_flags())


def of_layers(products: Products) -> torch.dtype:
    """Type of what the products of the layers multiply and yield."""
    return torch.bfloat16 if products in ("bfloat16", "bfloat16-layers") else torch.float32


def of_readout(products: Products) -> torch.dtype:
    return torch.bfloat16 if products == "bfloat16" else torch.float32


@contextmanager
def multiplying(products: Products) -> Iterator[None]:
    """Within, products of float32 tensors are as precise as `products` asks for."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium" if products == "medium" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _cpu_flags(told: Path = Path("/proc/cpuinfo")) -> set[str]:
    """What the kernel tells of the first CPU; nothing where it is not Linux."""
    lines = told.read_text().splitlines() if told.exists() else []
    listed = (line.partition(":")[2] for line in lines if line.startswith(("flags", "Features")))
    return set(next(listed, "").split())
