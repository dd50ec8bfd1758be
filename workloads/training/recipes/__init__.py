"""Recipes of the zoo as TOML. A new one is one file and one line in ``ALL``."""

from pathlib import Path

ALL: tuple[str, ...] = (
    "wp-lstm256-float",
    "wp-lstm256-fixed8",
    "wp-lstm256-ternary",
    "wp-lstm256-binary",
    "wp-lstm256-ternary-s50",
    "wp-lstm256-ternary-s90",
    "wp-lstm256-fixed8-s90",
    "wp-lstm512-ternary",
)

FOLDER = Path(__file__).parent
