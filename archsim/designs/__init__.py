"""Shipped designs in TOML: published accelerators, and generic ones to start from. A new one adds a file and a line."""

PUBLISHED: tuple[str, ...] = (
    "skip-65nm",
    "rbt-low-power-full",
    "rbt-low-power-ternary",
    "rbt-low-power-binary",
    "rbt-high-speed-ternary",
    "rbt-high-speed-binary",
)
ALL: tuple[str, ...] = (
    *PUBLISHED,
    "edge-8pe",
    "edge-shift",
    "edge-resident",
    "edge-private",
    "stream-only",
    "large",
    "stationary-65nm",
)
