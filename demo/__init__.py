"""Two front ends over one core: Streamlit in ``app.py``, Gradio in ``gradio_app.py``."""

import contextlib
import ctypes
import os

# Read when torch is loaded.  The default lets torch's threads spin while they wait for each other.  Every visitor has
# threads of their own: as soon as two of them, or a browser on the same machine, want a core, an answer takes ten times
# as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def _glibc(function: str, *numbers: int) -> None:
    """Calls a function of the C library, where that is glibc."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        getattr(ctypes.CDLL(None), function)(*numbers)


# glibc gives every thread a heap of its own: with a thread per visitor the server would take gigabytes.  Two heaps are
# as fast.
ARENA_MAX = -8  # M_ARENA_MAX of malloc.h
_glibc("mallopt", ARENA_MAX, 2)


def give_memory_back() -> None:
    """Hands freed memory to the system, which glibc hardly does by itself: 200 MB after a gradient, in 15 ms."""
    _glibc("malloc_trim", 0)
