"""What an app asks of its process: few spinning threads, little memory.  Only the entry points call it."""

import contextlib
import ctypes

from unet.openmp import wait_briefly

_ARENA_MAX = -8  # M_ARENA_MAX of malloc.h


def prepare() -> None:
    """Settles threads and memory of this process; to be called before PyTorch is loaded.

    Every user has threads of their own, and glibc gives every thread a heap of its own, with which the server would
    take gigabytes; two heaps are as fast.
    """
    wait_briefly()
    _call_glibc("mallopt", _ARENA_MAX, 2)


def give_memory_back() -> None:
    """Hands freed memory to the system, which glibc hardly does by itself: 200 MB after a gradient, in 15 ms."""
    _call_glibc("malloc_trim", 0)


def _call_glibc(function: str, *numbers: int) -> None:
    """Calls a function of the C library, where that is glibc."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        getattr(ctypes.CDLL(None), function)(*numbers)
