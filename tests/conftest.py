"""One BLAS thread: products here are small, and two threads that wait for each other on a busy machine are slower."""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
