"""The images of a file, a folder or a ZIP: found by name, read on demand."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NoReturn

from unet.amplitude import Limits as AmplitudeLimits
from unet.files.archives import MEGABYTE, Archive, ArchiveError, Limits
from unet.files.images import ImageError, Mask, read_image, read_mask
from unet.files.printable import printable, reason
from unet.files.selection import IMAGES, MASKS, choose, is_hidden, left_out
from unet.image import Reading

# Entries of a folder too; 400 MB are 50 million pixels in float64.
LIMITS = Limits(entries=200_000, directory_bytes=100 * MEGABYTE, entry_bytes=400 * MEGABYTE)
DEEPEST = 20  # folders in folders


class MissingError(ImageError):
    """Nothing stands where images were looked for, or it may not be opened."""


@dataclass(frozen=True)
class ImageFile:
    """One image in a folder or an archive, not read yet.

    Attributes:
        name: its path for messages; always printable.
        stem: its own name without folders and suffix, as it stands on disk or in the archive; not to be trusted as
            the name of a new file.
        content: reads its bytes.
        path: where it is on disk; None in an archive.
        inside: its path below the folder or in the archive that was listed.
    """

    name: str
    stem: str
    content: Callable[[], bytes]
    path: Path | None = None
    inside: PurePosixPath = PurePosixPath()

    def read_image(self, limits: AmplitudeLimits | None = None) -> Reading:
        """The image as (H, W) float32 in [0, 1], and notes; see ``images.read_image``."""
        return read_image(self.load(), self.name, limits=limits)

    def read_mask(self) -> Mask:
        """The mask in it; see ``images.read_mask``."""
        return read_mask(self.load(), self.name)

    def load(self) -> bytes:
        """The bytes of the file; raises ``ImageError``."""
        try:
            return self.content()
        except (OSError, ValueError) as error:
            raise ImageError(f"{self.name}: cannot be read ({reason(error)})") from None


def find_images(path: Path, folder: str | None = None) -> list[ImageFile]:
    """The images of a file, a folder or a ZIP, sorted by path; hidden files are left out.

    A ZIP stays open until nothing refers to any of its images.

    Args:
        path: an image file, a folder or a .zip, with folders in it.
        folder: only what lies in folders of this name, such as ``masks``; None takes what lies in those called
            ``images``, and where there is none, every image that lies in no folder called ``masks``.

    Returns:
        The images found; an empty list where there are none.

    Raises:
        MissingError: nothing stands at ``path``, or it may not be opened.
        ImageError: a ZIP that is damaged, or too many files.
    """
    found = _list_files(path)
    if found is None:
        return [_on_disk(path)] if folder is None else []
    return [found[index] for index in choose([file.inside for file in found], folder)]


def find_left_out(path: Path) -> list[ImageFile]:
    """The files of a folder or a ZIP that ``selection.left_out`` names; raises as ``find_images``."""
    found = _list_files(path) or []
    return [found[index] for index in left_out([file.inside for file in found])]


def _list_files(path: Path) -> list[ImageFile] | None:
    """Every file of a folder or a ZIP that is not hidden, sorted by path; None for any other file."""
    try:
        if path.is_dir():
            return _in_folder(path)
        if path.is_file():
            return _in_archive(path) if path.suffix.lower() == ".zip" else None
        if path.exists():
            raise MissingError(f"{printable(path)}: expected a file or a folder, got neither")
    except OSError as error:
        raise MissingError(f"{printable(path)}: cannot be opened ({reason(error)})") from None
    raise MissingError(f"{printable(path)}: no such file or folder")


def _in_folder(root: Path) -> list[ImageFile]:
    def refuse(error: OSError) -> NoReturn:
        raise error

    found: list[ImageFile] = []
    for folder, folders, names in os.walk(root, onerror=refuse, followlinks=True):
        # A link leads anywhere, also to a folder around this one: only those named for images or masks are followed.
        linked = [
            name for name in folders if Path(folder, name).is_symlink() and name.casefold() not in (IMAGES, MASKS)
        ]
        folders[:] = [name for name in folders if name not in linked and not is_hidden(PurePosixPath(name))]
        paths = [Path(folder, name) for name in [*names, *linked] if not is_hidden(PurePosixPath(name))]
        found += [_on_disk(path, PurePosixPath(path.relative_to(root).as_posix())) for path in paths]
        if len(PurePosixPath(folder).relative_to(root).parts) > DEEPEST:
            raise ImageError(
                f"{printable(root)}: expected folders at most {DEEPEST} deep, got deeper ones; is a link a circle?"
            )
        if len(found) > LIMITS.entries:
            raise ImageError(f"{printable(root)}: expected at most {LIMITS.entries:,} entries, got more; split it up")
    return sorted(found, key=lambda file: file.inside.parts)  # paths compare otherwise in other Pythons


def _on_disk(path: Path, inside: PurePosixPath | None = None) -> ImageFile:
    return ImageFile(printable(path), path.stem, partial(_read, path), path, inside or PurePosixPath(path.name))


def _read(path: Path) -> bytes:
    if path.exists() and not path.is_file():  # a pipe would never end
        raise ValueError("not a file, or a link to none")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > LIMITS.entry_bytes:
            raise ValueError(f"larger than {LIMITS.entry_bytes // MEGABYTE} MB")
        return file.read(size)


def _in_archive(path: Path) -> list[ImageFile]:
    try:
        archive = Archive(path, LIMITS)
    except ArchiveError as error:
        raise ImageError(f"{printable(path)}: {error}") from None
    return [
        ImageFile(printable(f"{path}:{entry.path}"), entry.path.stem, partial(archive.read, entry), None, entry.path)
        for entry in archive.entries
    ]
