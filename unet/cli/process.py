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

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


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


class SignalHandler:
    """Ends the process after signals, however many and whenever, with one line and status 128 + the first signal.

    While libraries load, a signal ends the process on the spot: they may swallow an exception, or stay half loaded.
    While the process works, the first signal raises ``KeyboardInterrupt``, so that everything is closed in order; the
    second does not wait for that.  What is on disk is whole at any moment.

    Args:
        line: printed after a signal that comes before ``run``.
        signals: the signals to handle.
    """

    def __init__(self, line: str, signals: Sequence[signal.Signals] = STOP_SIGNALS) -> None:
        self._line, self._signals = line, signals
        self._first = 0  # number of the first signal
        self._working = self._exiting = False
        for number in signals:
            signal.signal(number, self._receive)

    def run(self, line: str, work: Callable[[], int]) -> int:
        """Does the work of the process, once; what is left to do is to exit.

        Args:
            line: printed after a signal from now on.
            work: returns the exit status.

        Returns:
            The exit status.
        """
        before, sys.unraisablehook = sys.unraisablehook, self._exit_from_destructor
        try:
            self._line, self._working = line, True
            return work()
        except BaseException:  # after a signal, whatever the interruption turned into
            if not self._first:
                raise
            self._exiting = True
            self._print_line()
            return 128 + self._first
        finally:
            self._exiting = True
            sys.unraisablehook = before
            for number in self._signals:  # Python itself still has to end, and would restore the default handlers
                signal.signal(number, signal.SIG_IGN)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._exiting:
            return
        first = not self._first
        self._first = self._first or number
        if first and self._working:
            raise KeyboardInterrupt(number)
        self._exit()

    def _exit_from_destructor(self, error: Any) -> None:
        """Called for an exception in a destructor, which Python drops: a ``KeyboardInterrupt`` would be lost there."""
        if self._first and issubclass(error.exc_type, KeyboardInterrupt):
            self._exit()
        sys.__unraisablehook__(error)

    def _exit(self) -> None:
        self._exiting = True
        if os.isatty(2):  # a progress bar has hidden the cursor
            self._line = f"\x1b[?25h\n{self._line}"
        self._print_line()
        os._exit(128 + self._first)

    def _print_line(self) -> None:
        """Writes past Python's own buffer, which may be busy: a signal can come in the middle of a write."""
        with contextlib.suppress(OSError):  # stderr is closed
            os.write(2, f"{self._line}\n".encode("ascii", "backslashreplace"))
