"""How the process holds memory while it trains."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of mallopt(3)


def keep_freed_memory() -> None:
    """Keep what tensors free for those that follow; does nothing where the C library is not glibc.

    By default every tensor of some size is mapped anew and unmapped: a fifth of an epoch went into page faults.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, -1)
