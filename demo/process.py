"""What an app asks of its process: few spinning threads, little memory.  Only the entry points call it."""

import contextlib
import ctypes
import threading

from unet.openmp import wait_briefly

QUIET = 1  # seconds without an answer, after which memory is handed back

_ARENA_MAX = -8  # M_ARENA_MAX of malloc.h
_lock = threading.Lock()
_timer = threading.Timer(QUIET, print)  # the last one; this one is never started


def prepare() -> None:
    """Settles threads and memory of this process; to be called before PyTorch is loaded.

    Every user has threads of their own, and glibc gives every thread a heap of its own, with which the server would
    take gigabytes; two heaps are as fast.
    """
    wait_briefly()
    _call_glibc("mallopt", _ARENA_MAX, 2)


def give_memory_back() -> None:
    """Hands freed memory to the system once nobody was answered for a second; to be called after every answer.

    glibc hardly does so by itself: 200 MB stay after a gradient.  It takes 15 ms, in which no thread gets memory; so it
    has to be between the gestures of a user, not in one.
    """
    global _timer
    with _lock:
        _timer.cancel()
        _timer = threading.Timer(QUIET, _call_glibc, ("malloc_trim", 0))
        _timer.daemon = True
        _timer.start()


def _call_glibc(function: str, *numbers: int) -> None:
    """Calls a function of the C library, where that is glibc."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        getattr(ctypes.CDLL(None), function)(*numbers)
