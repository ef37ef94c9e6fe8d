"""A small disk for one command alone, where this machine lets a process mount one."""

import shutil
import subprocess
from pathlib import Path

import pytest

# Mounts the disk, runs the command in it, and copies what the command left, because the disk goes with the process.
_SCRIPT = """
mount -t tmpfs -o "size=$1" none "$2" && cd "$2" && mkdir out && if [ -n "$4" ]; then mount -o remount,ro "$2"; fi
copy=$3; shift 4
"$@"
status=$?
cp -a . "$copy"
exit $status
"""
_ALONE = ("unshare", "--map-root-user", "--mount")


def has_small_disks() -> bool:
    """Whether this machine lets a process mount a disk of its own."""
    trial = [*_ALONE, "mount", "-t", "tmpfs", "none", "/mnt"]
    return bool(shutil.which("unshare")) and subprocess.run(trial, capture_output=True, check=False).returncode == 0


needs_small_disk = pytest.mark.skipif(not has_small_disks(), reason="this machine lets no process mount a disk")


def small_disk(place: Path, size: str = "400k", read_only: bool = False) -> list[str | Path]:
    """The words to put before a command so that it runs in a disk of its own, which holds the empty folder ``out``.

    Args:
        place: an empty folder; ``place / "copy"`` then holds what the command left.
        size: of the disk, as mount has it.
        read_only: nothing can be written to it.
    """
    disk, copy = place / "disk", place / "copy"
    disk.mkdir()
    copy.mkdir()
    return [*_ALONE, "sh", "-c", _SCRIPT, "sh", size, disk, copy, "yes" if read_only else ""]
