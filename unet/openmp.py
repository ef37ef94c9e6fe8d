"""How PyTorch's threads wait for each other.  Entry points call this before PyTorch is loaded, which reads it then."""

import os

SPINS = 1000  # some 20 microseconds


def wait_briefly() -> None:
    """Lets OpenMP's threads spin only for a moment while they wait for each other, unless the environment says how.

    By default they spin for milliseconds, and take the core from the thread they wait for as soon as another process,
    or another user's threads, want one: on two cores beside one busy process a batch took four times as long, and a
    single image up to thirty times.  Without any spinning a single image takes 1.4 times as long on a quiet machine.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "passive"  # every OpenMP understands this
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))  # that of GCC, which PyTorch comes with on Linux
