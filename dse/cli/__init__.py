"""The command line: the one place that knows every part."""

import gc

from dse.threads import one_thread_each


def main() -> None:
    """Entry point. What it runs is imported here, once the number of threads is set: numpy reads it when it loads."""
    one_thread_each()
    gc.disable()  # nothing that is imported is garbage, and looking for some takes a tenth of the start
    try:
        from dse.cli.app import answer

        answer()
    finally:
        gc.unfreeze()
        gc.enable()
