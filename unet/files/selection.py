"""Which files of a folder or an archive are images, which are masks, and which are neither.  Nothing is opened here."""

import posixpath
from collections.abc import Sequence
from pathlib import PurePosixPath

from unet.files.images import SUFFIXES

IMAGES, MASKS = "images", "masks"  # names of folders
BESIDE = (".txt", ".csv", ".json", ".md", ".xml", ".yml", ".yaml", ".log", ".html", ".ini", ".db")  # no images


def choose(paths: Sequence[PurePosixPath], folder: str | None = None) -> list[int]:
    """Which paths are read as images.

    Args:
        paths: below one folder or in one archive.
        folder: only those in folders of this name; None takes those in folders called ``images``, and where there is
            none, every image that lies in no folder called ``masks``.

    Returns:
        Indices into ``paths``, in order.
    """
    images = [index for index, path in enumerate(paths) if path.suffix.lower() in SUFFIXES]
    if folder is not None:
        return [index for index in images if is_in(paths[index], folder)]
    images = [index for index in images if not is_in(paths[index], MASKS)]
    return [index for index in images if is_in(paths[index], IMAGES)] or images


def left_out(paths: Sequence[PurePosixPath]) -> list[int]:
    """Which paths are not read though the user may have meant them to be.

    Texts and tables (``BESIDE``) and what lies in folders called ``masks`` are not among them.
    """
    chosen = set(choose(paths))
    return [
        index
        for index, path in enumerate(paths)
        if index not in chosen and not is_in(path, MASKS) and path.suffix.lower() not in BESIDE
    ]


def is_in(path: PurePosixPath, folder: str) -> bool:
    """Whether a file lies in a folder of this name, at any depth; case does not matter."""
    return any(part.casefold() == folder for part in posixpath.normpath(path.parent).split("/"))


def is_hidden(path: PurePosixPath) -> bool:
    """Whether a file or a folder around it is hidden, or one that macOS adds to an archive.

    ``..`` does not count: in an archive it is only a part of a name.
    """
    return any((part.startswith(".") and part not in (".", "..")) or part == "__MACOSX" for part in path.parts)
