"""What a command checks before it does anything: its weights, and that what it writes can be written."""

import os
from collections.abc import Sequence
from pathlib import Path

from unet.cli.options import UsageError
from unet.segmenter import Segmenter


def load_segmenter(weights: Path | None, fast: bool = False) -> Segmenter:
    """The weights of a command, or the shipped ones; raises ``UsageError`` where they cannot be used."""
    try:
        return Segmenter.load(weights, fast)
    except ValueError as error:  # CheckpointError, or weights for another input rule
        raise UsageError(error) from None


def make_folder(folder: Path) -> None:
    """Makes a folder that can be written to; raises ``UsageError`` where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: expected a folder that can be made, got {error.strerror}") from None
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{folder}: expected a folder that can be written to, got one that cannot")


def check_writable(path: Path) -> None:
    """Raises ``UsageError`` for a file that could not be written, before the work is done and not after."""
    if not path.parent.is_dir():
        raise UsageError(f"{path}: expected a file in a folder that exists, got {path.parent}; make it first")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise UsageError(f"{path}: expected a file that can be written, got a folder, or one in a folder that cannot")


def check_replaceable(foreign: Sequence[Path]) -> None:
    """Raises ``UsageError`` where files that this program did not write are in the way."""
    if foreign:
        more = f" and {len(foreign) - 1:,} more" if len(foreign) > 1 else ""
        raise UsageError(
            f"expected no files but those that this program wrote, got {foreign[0]}{more}; choose another place, or "
            "pass --overwrite"
        )
