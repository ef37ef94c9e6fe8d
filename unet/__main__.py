"""``python -m unet`` and ``salt-unet``: Ctrl-C is one line and status 130 at any moment, also while PyTorch loads."""

import os
import signal
import sys
from types import FrameType


def main() -> int:
    """Runs one command; see ``unet.cli.main``, which a program may call as well."""
    # A job in the background of a script begins with Ctrl-C switched off, and it stays off.
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        signal.signal(signal.SIGINT, _nothing_done)
    from unet import cli

    try:
        if heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return cli.main()
    except KeyboardInterrupt:  # once more, while the first was being answered
        return 130
    finally:
        if heard:  # the work is over, and Python alone still has to end
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _nothing_done(signal_number: int, frame: FrameType | None) -> None:
    """Ends the process on the spot: an exception would pass through a library that is half loaded."""
    os.write(sys.stderr.fileno(), b"interrupted before anything was done\n")
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
