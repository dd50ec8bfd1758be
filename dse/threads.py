"""How many threads linear algebra takes: one.

The products of a small network gain nothing from a second thread, and on a busy machine two that wait for each other
are many times slower; accuracies run in processes side by side instead. A library that is loaded keeps the number it
found, so this comes before numpy is first imported.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")

_environment = threading.Lock()


def one_thread_each() -> None:
    """This process, and those that it starts, take one thread, but for what the environment says already."""
    for variable in VARIABLES:
        os.environ.setdefault(variable, "1")


@contextmanager
def one_thread_in_children() -> Iterator[None]:
    """Processes that are started meanwhile take one thread; this one is left as it is."""
    with _environment:
        missing = [variable for variable in VARIABLES if variable not in os.environ]
        try:
            one_thread_each()
            yield
        finally:
            for variable in missing:
                del os.environ[variable]
