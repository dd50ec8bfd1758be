"""The numbers that are fitted to published chips: these two. ``calibration.fits`` recomputes both.

Both are fitted to the three low-power RBT chips alone: their areas, their powers. See README.md.
"""

LOGIC_ENERGY_FACTOR = 0.325
"""Dynamic energy of logic over the synthesised one scaled to the node, fitted to three powers.

Most of it is understood: at equal voltage the synthesised adders and multipliers take 1.75 times what Horowitz (ISSCC
2014) gives, and at 1.0 V instead of the 1.1 V assumed 65 nm takes 0.79 times the energy: 0.45 together.
"""

BUFFERED_WEIGHTS_PER_MAC = 2000
"""Weights of SRAM a MAC between DRAM and MACs of the RBT chips; not in the paper: it explains their areas."""
