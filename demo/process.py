"""What an app asks of its process: few spinning threads, little memory.  Only the entry points call it."""

import contextlib
import ctypes
import os

_ARENA_MAX = -8  # M_ARENA_MAX of malloc.h


def prepare() -> None:
    """Settles threads and memory of this process; to be called before PyTorch is loaded.

    By default PyTorch's threads spin while they wait for each other, and every user has threads of their own: as soon
    as two of them, or a browser on the same machine, want a core, a response takes ten times as long.  And glibc gives
    every thread a heap of its own, with which the server would take gigabytes; two heaps are as fast.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    _call_glibc("mallopt", _ARENA_MAX, 2)


def give_memory_back() -> None:
    """Hands freed memory to the system, which glibc hardly does by itself: 200 MB after a gradient, in 15 ms."""
    _call_glibc("malloc_trim", 0)


def _call_glibc(function: str, *numbers: int) -> None:
    """Calls a function of the C library, where that is glibc."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        getattr(ctypes.CDLL(None), function)(*numbers)
