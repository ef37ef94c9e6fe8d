"""ZIP archives, trusted no further than needed: the only module that reads a user's ZIP.

Every size is checked before memory is taken for it, nothing is unpacked to disk, and no name in an archive is used as
a path.
"""

import io
import math
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from unet.files.printable import reason
from unet.files.selection import is_hidden

MEGABYTE = 2**20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # Python unpacks the others whole, however large that is


class ArchiveError(ValueError):
    """An archive or a file in it that cannot be read; the message is the reason without its name."""


@dataclass(frozen=True)
class Limits:
    """How much an archive may ask for.

    Attributes:
        entries: files that it lists.
        directory_bytes: of its table of contents.
        entry_bytes: of one file, unpacked.
        total_bytes: of all files that are read together, unpacked; None where they are read one at a time.
        ratio: unpacked to packed, of an archive that unpacks to more than ``entry_bytes``; None for any.
    """

    entries: int
    directory_bytes: int
    entry_bytes: int
    total_bytes: int | None = None
    ratio: int | None = None


class Entry(NamedTuple):
    """One file in an archive: its path there, with ``/`` between folders, and what ``zipfile`` knows of it."""

    path: PurePosixPath
    info: zipfile.ZipInfo


class Archive:
    """A ZIP on disk or in memory.

    It stays open until nothing refers to it: reading 18,000 files of one archive would take far longer if it were
    opened anew for each.

    Args:
        file: its path, or its bytes.
        limits: what it may ask for.

    Attributes:
        entries: every file in it that is not hidden, sorted by path.

    Raises:
        ArchiveError: not a ZIP, a damaged one, or one that lists too much.
    """

    def __init__(self, file: Path | bytes, limits: Limits) -> None:
        self.limits = limits
        try:
            raw = io.BytesIO(file) if isinstance(file, bytes) else file.open("rb", buffering=0)
            self._stream = _Stream(raw, limits.directory_bytes)
            self._zip = zipfile.ZipFile(self._stream)
        except ArchiveError:
            raise
        except Exception as error:  # zipfile raises many types on broken archives
            raise ArchiveError(f"expected a ZIP, got something else or a damaged one ({reason(error)})") from None
        self._stream.largest_read = math.inf
        infos = self._zip.infolist()
        if len(infos) > limits.entries:
            raise ArchiveError(f"expected at most {limits.entries:,} entries, got {len(infos):,}; split it up")
        # Some archives from Windows separate folders by backslashes.
        entries = [Entry(PurePosixPath(i.filename.replace("\\", "/")), i) for i in infos if i.filename[-1:] != "/"]
        visible = (entry for entry in entries if entry.path.name and not is_hidden(entry.path))
        self.entries = sorted(visible, key=lambda entry: entry.path.parts)

    def __del__(self) -> None:
        if hasattr(self, "_stream"):
            self._stream.close()

    def check_total(self, entries: Iterable[Entry]) -> None:
        """Raises ``ArchiveError`` where files declare to be too large together; ``read`` never gives more than that."""
        total, limits = sum(entry.info.file_size for entry in entries), self.limits
        if limits.total_bytes is not None and total > limits.total_bytes:
            raise ArchiveError(f"expected at most {limits.total_bytes // MEGABYTE} MB unpacked, got more; split it up")
        if limits.ratio is not None and total > max(limits.entry_bytes, limits.ratio * self._stream.size):
            raise ArchiveError(
                f"expected at most {limits.ratio} times its size unpacked, got more; images hardly shrink"
            )

    def read(self, entry: Entry, largest: int | None = None) -> bytes:
        """The bytes of one file.

        Args:
            entry: one of ``entries``.
            largest: bytes that are accepted; None for ``limits.entry_bytes``.

        Raises:
            ArchiveError: encrypted, packed by a method other than deflate, too large or damaged.
        """
        info, largest = entry.info, self.limits.entry_bytes if largest is None else largest
        if info.flag_bits & 1:
            raise ArchiveError("encrypted; pack the archive again without a password")
        if info.compress_type not in _METHODS:
            raise ArchiveError("packed by another method than deflate; pack the archive again")
        if info.file_size > largest:
            raise ArchiveError(f"larger than {largest // MEGABYTE} MB")
        try:
            with self._zip.open(info) as stream:
                return stream.read(info.file_size)  # no more is unpacked; the checksum shows a size that is too small
        except Exception as error:  # broken archives raise many types
            raise ArchiveError(f"damaged or cut short: {reason(error)}") from None


class _Stream(io.BufferedReader):
    """The bytes of an archive; a larger read is refused, because a false table of contents could fill the memory."""

    def __init__(self, raw: io.BytesIO | io.FileIO, largest_read: float) -> None:
        super().__init__(raw)
        self.size, self.largest_read = self.seek(0, io.SEEK_END), largest_read

    def read(self, size: int | None = -1, /) -> bytes:
        left = self.size - self.tell()
        if (left if size is None or size < 0 else min(size, left)) > self.largest_read:
            raise ArchiveError(
                f"expected a table of contents of at most {self.largest_read:,} bytes, got more; split it up"
            )
        return super().read(size)
