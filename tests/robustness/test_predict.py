"""``predict`` under kills, Ctrl-C and disks that take no more: whole files, one sentence, the same bytes in the end."""

import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from tests.robustness.checks import LONG, run_here, start
from tests.robustness.small_disk import needs_small_disk, small_disk
from unet.synthetic import section

COUNT = 100  # images
SIZES = ((101, 101), (48, 60), (33, 40), (48, 60), (40, 150))  # in turn; the last is cut into tiles
INTERRUPTED = "predict: interrupted; --skip-existing goes on from here"


class Result(NamedTuple):
    """What a command left: status, lines on stderr without those of the damaged image, name -> bytes, the CSV."""

    status: int
    said: list[str]
    files: dict[str, bytes]
    csv: bytes | None


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of images of several sizes, and one file that is no image."""
    folder = tmp_path_factory.mktemp("images")
    for index in range(COUNT):
        Image.fromarray(section(index, *SIZES[index % len(SIZES)])[0]).save(folder / f"{index:04}.png")
    (folder / "0060-damaged.png").write_bytes(b"no image")
    return folder


def words(images, place):
    """Everything that predict can write, and it goes on where it was stopped."""
    files = ["--out", place / "out", "--csv", place / "all.csv", "--probability"]
    return ["predict", images, *files, "--skip-existing"]


def result(status, said, place):
    lines = [line for line in said.splitlines() if "0060-damaged.png" not in line]
    csv = place / "all.csv"
    return Result(status, lines, contents(place), csv.read_bytes() if csv.exists() else None)


def contents(place):
    """Name -> bytes of what was written so far; a file gets its name while it is looked at."""
    found, folder = {}, place / "out"
    for path in folder.iterdir() if folder.exists() else ():
        with suppress(FileNotFoundError):
            found[path.name] = path.read_bytes()
    return found


@pytest.fixture(scope="module")
def whole(images, tmp_path_factory):
    """What a run leaves that nothing disturbs."""
    place = tmp_path_factory.mktemp("whole")
    ended = run_here(words(images, place))
    found = result(ended.status, ended.err, place)
    assert (found.status, len(found.files), found.csv.count(b"\n")) == (1, 2 * COUNT, COUNT + 1)
    return found


def begin(*words, before=()):
    """The command line as a user starts it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # inherited, where the tests run in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return start(*before, sys.executable, "-m", "unet", *words)


def wait_until(ready, process, seconds=60):
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end and not ready():
        time.sleep(0.001)


def end(process, place):
    _, said = process.communicate()
    return result(process.returncode, said, place)


def check_whole(found, whole, temporary=""):
    """There are no files but whole ones, and such with the suffix of temporary ones."""
    differing = {name for name, content in found.files.items() if whole.files.get(name) != content}
    assert all(temporary and name.endswith(temporary) for name in differing), differing


LATER = [pytest.param(seed, marks=LONG) for seed in range(1, 21)]


@pytest.mark.parametrize("seed", [0, *LATER])
def test_stopped_twice_and_started_again_it_leaves_the_same_bytes(images, whole, tmp_path, seed):
    moments = np.random.default_rng(seed).uniform(0, 0.5 if seed else 0, 2)  # after the first new file
    for stop, moment in zip((signal.SIGKILL, signal.SIGINT), moments, strict=True):
        before = len(contents(tmp_path))
        process = begin(*words(images, tmp_path))
        wait_until(lambda before=before: len(contents(tmp_path)) > before, process)
        time.sleep(moment)
        process.send_signal(stop)
        time.sleep(0.001)
        process.send_signal(stop)  # an impatient user's second Ctrl-C
        found = end(process, tmp_path)
        if stop == signal.SIGINT and found.status != whole.status:
            assert (found.status, found.said) == (130, [INTERRUPTED])
            check_whole(found, whole, temporary=".tmp")  # the second Ctrl-C does not wait until these are removed
        if not seed:
            assert found.status in (-signal.SIGKILL, 130), "it was done before it could be stopped"
            assert before < len(found.files) < len(whole.files)
            assert found.csv is None
    ended = run_here(words(images, tmp_path))
    again = result(ended.status, ended.err, tmp_path)
    assert (again.status, again.files, again.csv) == (whole.status, whole.files, whole.csv)


@pytest.mark.parametrize("seed", [0, *LATER])
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows which libraries a process has loaded")
def test_ctrl_c_is_one_line_at_any_moment(images, whole, tmp_path, seed):
    process = begin(*words(images, tmp_path))
    libraries = Path(f"/proc/{process.pid}/maps")
    wait_until(lambda: "/torch/" in libraries.read_text(), process)
    time.sleep(np.random.default_rng(seed).uniform(0, 5 if seed else 0))
    process.send_signal(signal.SIGINT)
    found = end(process, tmp_path)
    if not seed:
        assert found == (130, ["interrupted before anything was done"], {}, None)
    check_whole(found, whole)
    if found.status != whole.status:
        assert found.status == 130
        assert found.said in (["interrupted before anything was done"], [INTERRUPTED])


def test_a_background_job_ignores_ctrl_c(tmp_path):
    deaf = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    process = begin("predict", "gone", "--out", tmp_path / "out", before=deaf)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert end(process, tmp_path) == (2, ["predict: gone: no such file or folder"], {}, None)


CSV = "--out {place}/out --csv all.csv"  # the submission alone is on the small disk


@needs_small_disk
@pytest.mark.parametrize(
    ("size", "read_only", "files", "status", "sentence"),
    [
        ("400k", True, "--out out", 2, "out: expected a folder that can be written to"),
        pytest.param("200k", False, "--probability --out out", 1, "got No space left on device", marks=LONG),
        pytest.param("400k", True, "--out new", 2, "Read-only file system", marks=LONG),
        pytest.param("4k", False, CSV, 1, "expected to write all.csv, got No space left on device", marks=LONG),
        pytest.param("4k", True, CSV, 2, "all.csv: expected a file that can be written", marks=LONG),
    ],
)
def test_a_disk_that_takes_no_more(images, whole, tmp_path, size, read_only, files, status, sentence):
    disk = small_disk(tmp_path, size, read_only)
    process = begin("predict", images, *files.format(place=tmp_path).split(), before=disk)
    found = end(process, tmp_path / "copy")
    assert (found.status, len(found.said), found.csv) == (status, 1, None)
    assert sentence in found.said[0]
    check_whole(found, whole)
    assert len(found.files) < len(whole.files)
