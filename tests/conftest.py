"""One BLAS thread: products here are small, and two threads that wait for each other on a busy machine are slower."""

import os

from hypothesis import settings

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# No deadline: how long an example takes says more of the machine than of the code. A commit passes or fails for what
# it changes: CI draws the same examples every time, a developer new ones.
settings.register_profile("archsim", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("archsim")
