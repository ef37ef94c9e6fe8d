"""Trains a U-Net: ``python train.py --data DIR``; ``python train.py --help`` explains every option."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn


def leave(number: int, _: FrameType | None) -> NoReturn:
    """Ends the process at once: nothing is begun, and a library may swallow an exception while it is imported."""
    os.write(2, b"interrupted before anything was begun\n")
    os._exit(128 + number)


def stop(number: int, _: FrameType | None) -> NoReturn:
    """Ends the run where it stands; what is on disk is whole at any moment."""
    raise KeyboardInterrupt(number)


def main() -> int:
    """Runs the command line.

    Returns:
        0 all well, 1 the run failed, 2 it was called wrongly, 130 interrupted (Ctrl-C), 143 ended (SIGTERM).
    """
    ends = (signal.SIGINT, signal.SIGTERM)
    for number in ends:
        signal.signal(number, leave)
    import tyro
    from rich.console import Console

    from unet.data import DataError
    from unet.files import PictureError, printable
    from unet.options import TrainingConfig
    from unet.training import TrainingError, train

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        for number in ends:
            signal.signal(number, stop)
        train(tyro.cli(TrainingConfig), console)
    except (TrainingError, DataError, PictureError, OSError) as error:
        console.print(f"error: {printable(str(error))}", markup=False)
        return 1
    except ValueError as error:
        console.print(f"error: {printable(str(error))}", markup=False)
        return 2
    except KeyboardInterrupt as interruption:
        console.print("interrupted; go on with --resume")
        return 128 + int(interruption.args[0] if interruption.args else signal.SIGINT)
    finally:
        for number in ends:  # it is leaving already
            signal.signal(number, signal.SIG_IGN)
    return 0


if __name__ == "__main__":
    sys.exit(main())
