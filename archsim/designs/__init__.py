"""Published accelerators as TOML. A new design is one file and one line in ``ALL``."""

ALL: tuple[str, ...] = (
    "skip-65nm",
    "rbt-low-power-full",
    "rbt-low-power-ternary",
    "rbt-low-power-binary",
    "rbt-high-speed-ternary",
    "rbt-high-speed-binary",
)
