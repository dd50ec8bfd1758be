"""One BLAS thread: products here are small, and two threads that wait for each other on a busy machine are slower."""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from hypothesis import settings

# A commit passes or fails for what it changes: CI draws the same examples every time, a developer new ones.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
