"""``python -m unet`` and ``salt-unet``: Ctrl-C is one line and status 130 at any moment, also while PyTorch loads."""

import signal
import sys

from unet.cli.process import ENDS, Ending, escape_streams, version


def main() -> int:
    """Runs one command; see ``unet.cli.main``, which a program may call as well."""
    # A job in the background of a script begins with Ctrl-C switched off, and it stays off.
    ending = Ending(
        "interrupted before anything was done", [n for n in ENDS if signal.getsignal(n) is not signal.SIG_IGN]
    )
    escape_streams()
    if sys.argv[1:] == ["--version"]:  # at once
        print(version())
        return 0
    if sys.argv[1:2] == ["demo"]:
        from unet.cli import demo as launch

        return launch.main(sys.argv[2:], ending)
    from unet.cli import main as cli

    name = sys.argv[1] if len(sys.argv) > 1 else "unet"
    hint = "; --skip-existing goes on from here" if name == "predict" else ""
    return ending.run(f"{name}: interrupted{hint}", cli.main)


if __name__ == "__main__":
    sys.exit(main())
