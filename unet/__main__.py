"""``python -m unet`` and ``salt-unet``: Ctrl-C is one line and status 130 at any moment, also while PyTorch loads."""

import signal
import sys

from unet.cli.process import STOP_SIGNALS, SignalHandler, escape_streams, version
from unet.openmp import wait_briefly


def main() -> int:
    """Runs one command; see ``unet.cli.main``, which a program may call as well."""
    # A background job of a script starts with Ctrl-C ignored, and it stays ignored.
    signals = SignalHandler(
        "interrupted before anything was done",
        [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN],
    )
    escape_streams()
    wait_briefly()
    name = sys.argv[1] if len(sys.argv) > 1 else "unet"
    if name == "--version":
        print(version())  # at once
        return 0
    if name == "demo":
        from unet.cli import demo

        return demo.main(sys.argv[2:], signals)
    from unet.cli.main import main as run

    if name == "segy" and len(sys.argv) > 2:
        name = f"segy {sys.argv[2]}"
    option = {"predict": "--skip-existing", "segy predict": "--resume", "dossier": "the same command"}.get(name)
    hint = f"; {option} goes on from here" if option else ""
    return signals.run(f"{name}: interrupted{hint}", run)


if __name__ == "__main__":
    sys.exit(main())
