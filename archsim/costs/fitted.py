"""The numbers that are fitted to published chips: these two. ``calibration.fit`` recomputes both."""

LOGIC_ENERGY_FACTOR = 0.37
"""Dynamic energy of logic over the synthesised one scaled to the node, fitted to the five RBT powers.

Part of it is understood: at equal voltage the synthesised adders and multipliers take 1.75 times what Horowitz (ISSCC
2014) gives, and the chips may run at 1.0 V instead of the 1.1 V assumed (README.md).
"""

BUFFERED_WEIGHTS_PER_MAC = 2000
"""Weights of SRAM a MAC in the shipped RBT designs; not in the paper: it explains their areas (see README.md)."""
