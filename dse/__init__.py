"""The search: the only package where networks and hardware meet."""

import os

# One BLAS thread, set before numpy is first imported: the products of a small network gain nothing from a second, and
# on a busy machine two that wait for each other are many times slower. Accuracies run in processes side by side.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
