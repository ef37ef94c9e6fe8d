"""Learning from a survey's own labels: lines of a cube and their masks as a data set, and two epochs on it.

    python experiments/survey.py make DIR --inlines 200     # cube.sgy, and its salt in place of an interpreter's
    python experiments/own_survey.py DIR                    # DIR/labelled, and runs/own-survey
    python -m unet evaluate DIR/labelled --clip-percentile 0.5 --weights runs/own-survey/own-survey.safetensors

Neighbouring lines show nearly the same: ``sections.csv`` keeps those of a block on one side of the split.  At the
border of two blocks they still look alike; on a survey of your own leave lines out there.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unet.segmenter import shipped_weights
from unet.seismic.volume import Volume, open_volume
from unet.training.config import TrainingConfig
from unet.training.loop import train


def write_sections(volume: Volume, salt: NDArray[np.bool_], folder: Path, step: int, block: int) -> int:
    """Writes every ``step``-th inline as amplitudes, ``images/inline_NUMBER.npy``, and its salt, ``masks/``; how many.

    Args:
        volume: the amplitudes.
        salt: (inlines, crosslines, samples), as an interpreter labelled it.
        folder: for ``images/``, ``masks/`` and ``sections.csv``.
        step: inlines from one to the next.
        block: inlines that stay on one side of the split.
    """
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rows = []
    for line in range(0, len(volume.inlines), step):
        name = f"inline_{volume.inlines[line]}"
        (amplitudes,) = volume.read(slice(line, line + 1))
        np.save(folder / "images" / f"{name}.npy", amplitudes.T)  # rows are samples, columns are traces
        Image.fromarray(salt[line].T.astype(np.uint8) * np.uint8(255)).save(folder / "masks" / f"{name}.png")
        rows.append((name, f"block {line // block}"))
    with (folder / "sections.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "section"), *rows])
    return len(rows)


def main() -> None:
    """Writes the data set of a cube that ``survey.py make`` wrote, and trains on it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    for name, default in (("step", 20), ("block", 50), ("epochs", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    labelled = given.folder / "labelled"
    salt = np.lib.format.open_memmap(given.folder / "truth.npy", "r")
    write_sections(open_volume(given.folder / "cube.sgy"), salt, labelled, given.step, given.block)
    start = shipped_weights()
    train(TrainingConfig(data=labelled, clip_percentile=0.5, name="own-survey", start_from=start, epochs=given.epochs))


if __name__ == "__main__":
    main()
