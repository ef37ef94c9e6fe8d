"""Files written whole or not at all: the only module that writes files for a user."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Writes a file so that a crash at any moment leaves either the old one or the new one, whole.

    Args:
        path: of the file, in a folder that exists.
        content: all of it.

    Raises:
        OSError: it cannot be written; ``filename`` is ``path``, also where only the disk notices that it is full.
    """
    with replacing(path) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to be written piece by piece, which takes the place of ``path`` when the block ends without an error.

    The temporary file is in the same folder, because only a rename within one file system is atomic.

    Args:
        path: of the file, in a folder that exists.

    Raises:
        OSError: as for ``write_atomically``.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.unlink(missing_ok=True)  # of a run that was killed; a link in its place is not followed
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:  # a full disk, Ctrl-C: no half of a file stays behind
            temporary.unlink(missing_ok=True)
            raise
        if os.name == "posix":  # the rename itself must reach the disk too
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
