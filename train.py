"""Trains a U-Net: ``python train.py --data DIR``; ``python train.py --help`` explains every option."""

import sys

import tyro
from rich.console import Console

from unet.data import DataError
from unet.files import PictureError
from unet.options import TrainingConfig
from unet.training import TrainingError, train


def main() -> int:
    """Runs the command line; 0 all well, 1 the run failed, 2 it was called wrongly, 130 interrupted."""
    console = Console(stderr=True, highlight=False)
    try:
        train(tyro.cli(TrainingConfig), console)
    except (TrainingError, DataError, PictureError, OSError) as error:
        console.print(f"error: {error}", markup=False)
        return 1
    except ValueError as error:
        console.print(f"error: {error}", markup=False)
        return 2
    except KeyboardInterrupt:
        console.print("interrupted; go on with --resume")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
