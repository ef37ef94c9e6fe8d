"""Trains a U-Net: ``python train.py --data DIR``; ``python train.py --help`` explains every option."""

import sys

from unet.cli.process import SignalHandler, escape_streams, version
from unet.openmp import wait_briefly


def main() -> int:
    """Runs the command line.

    Returns:
        0 all well, 1 the run failed, 2 it was called wrongly, 130 interrupted (Ctrl-C), 143 ended (SIGTERM).
    """
    signals = SignalHandler("interrupted before anything was begun")
    escape_streams()
    wait_briefly()
    if "--version" in sys.argv[1:]:
        print(version())
        return 0
    import tyro
    from rich.console import Console

    from unet.data.places import DataError
    from unet.files.images import ImageError, quiet_decoders
    from unet.files.printable import printable
    from unet.training.config import TrainingConfig
    from unet.training.errors import TrainingError
    from unet.training.loop import train

    quiet_decoders()
    console = Console(stderr=True, highlight=False, soft_wrap=True)

    failures = (TrainingError, DataError, ImageError, OSError)

    def work() -> int:
        try:
            train(tyro.cli(TrainingConfig), console)
        except (*failures, ValueError) as error:
            console.print(f"error: {printable(str(error))}", markup=False)
            return 1 if isinstance(error, failures) else 2
        return 0

    return signals.run("interrupted; go on with --resume", work)


if __name__ == "__main__":
    sys.exit(main())
