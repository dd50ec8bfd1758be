"""The two numbers that are fitted to published chips; ``calibration.fits`` recomputes both.

Both are fitted to the three low-power RBT chips alone, one to their areas and one to their powers. See README.md.
"""

LOGIC_ENERGY_FACTOR = 0.325
"""Dynamic energy of logic over the synthesised energy scaled to the node, fitted to three powers.

Most of the factor is understood. At equal voltage, the synthesised adders and multipliers take 1.75 times the energy
that Horowitz (ISSCC 2014) gives; and 65 nm takes 0.79 times the energy at 1.0 V instead of the assumed 1.1 V. Together
these give 0.45.
"""

BUFFERED_WEIGHTS_PER_MAC = 1750
"""Weights per MAC in an SRAM between DRAM and MACs of the RBT chips: not in the paper, but it explains their areas."""
