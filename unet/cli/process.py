"""What every command line does first and last: streams that take every name, and one line for Ctrl-C at any moment.

Nothing here loads more than Python itself: PyTorch takes seconds, and a signal may come meanwhile.
"""

import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from types import FrameType
from typing import Any

ENDS = (signal.SIGINT, signal.SIGTERM)


def version() -> str:
    """What ``--version`` prints."""
    try:
        return f"salt-unet {metadata.version('salt-unet')}"
    except metadata.PackageNotFoundError:
        return "salt-unet, not installed: its version stands in pyproject.toml"


def escape_streams() -> None:
    """Lets stdout and stderr write what their encoding lacks as an escape; Python would end the command instead."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class Ending:
    """Ends a process that is sent signals, however many and whenever, with one line and status 128 + the first.

    While libraries load, a signal ends the process on the spot: they may swallow an exception, or keep half of
    themselves.  While it works, the first one is a ``KeyboardInterrupt``, so that everything is closed in order; the
    next one does not wait for that.  What is on disk is whole at any moment.

    Args:
        line: what is said of a signal that comes before ``run``.
        signals: those it hears.
    """

    def __init__(self, line: str, signals: Sequence[signal.Signals] = ENDS) -> None:
        self._line, self._signals = line, signals
        self._number = 0  # of the first signal
        self._works = self._leaves = False
        for number in signals:
            signal.signal(number, self._hear)

    def run(self, line: str, work: Callable[[], int]) -> int:
        """Does the work of the process, once; what is left to do is to exit.

        Args:
            line: what is said of a signal from now on.
            work: gives the exit status.

        Returns:
            The exit status.
        """
        before, sys.unraisablehook = sys.unraisablehook, self._unraisable
        try:
            self._line, self._works = line, True
            return work()
        except BaseException:  # what an interruption set off is none of its own
            if not self._number:
                raise
            self._leaves = True
            self._say()
            return 128 + self._number
        finally:
            self._leaves = True
            sys.unraisablehook = before
            for number in self._signals:  # Python alone still has to end, and would give them their old meaning
                signal.signal(number, signal.SIG_IGN)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self._leaves:  # it does already
            return
        first = not self._number
        self._number = self._number or number
        if first and self._works:
            raise KeyboardInterrupt(number)
        self._leave()

    def _unraisable(self, error: Any) -> None:
        """An exception where none may pass, in a destructor: an interruption that would be lost."""
        if self._number and issubclass(error.exc_type, KeyboardInterrupt):
            self._leave()
        sys.__unraisablehook__(error)

    def _leave(self) -> None:
        self._leaves = True
        if os.isatty(2):  # a progress bar has hidden the cursor
            self._line = f"\x1b[?25h\n{self._line}"
        self._say()
        os._exit(128 + self._number)

    def _say(self) -> None:
        """Past Python's own buffer, which may be busy: a signal comes in the middle of a write too."""
        with contextlib.suppress(OSError):  # nobody listens
            os.write(2, f"{self._line}\n".encode("ascii", "backslashreplace"))
