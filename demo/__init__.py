"""Two front ends over one core: Streamlit in ``app.py``, Gradio in ``gradio_app.py``."""

import contextlib
import ctypes
import os

# Read when torch is loaded.  The default lets torch's threads spin while they wait for each other.  Every visitor has
# threads of their own: as soon as two of them, or a browser on the same machine, want a core, an answer takes ten times
# as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# glibc gives every thread a heap of its own and hardly ever gives it back: with a thread per visitor the server would
# take gigabytes.  Two heaps are as fast.
ARENA_MAX = -8  # M_ARENA_MAX of malloc.h
with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library than glibc
    ctypes.CDLL(None).mallopt(ARENA_MAX, 2)
