"""Files written whole or not at all: the only module that writes files for a user."""

import os
from pathlib import Path


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Writes a file so that a crash at any moment leaves either the old one or the new one, whole.

    The temporary file is in the same folder, because only a rename within one file system is atomic.

    Args:
        path: of the file, in a folder that exists.
        content: all of it.

    Raises:
        OSError: it cannot be written; ``filename`` is ``path``, also where only the disk notices that it is full.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.unlink(missing_ok=True)  # of a run that was killed; a link in its place is not followed
        try:
            with temporary.open("xb") as file:
                file.write(content)
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
