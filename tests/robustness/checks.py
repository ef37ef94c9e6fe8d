"""What is promised of every hostile input, as checks that the tests of this folder share."""

import contextlib
import io
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from unet.cli import main as cli
from unet.margin import margin
from unet.segmenter import Segmenter

ROOT = Path(__file__).parents[2]
LONGEST_SENTENCE = 1000  # characters: a path, a name and a reason
LONG = pytest.mark.reliability
MANY = [pytest.param(60, id="some"), pytest.param(None, id="all", marks=LONG)]  # places where a file is damaged

ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}  # the last bits depend on threads
# The peak of a child alone: started by pytest itself, it would begin with the memory of pytest.
MEASURED = """
import resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_CPU, (300, 300))  # seconds; nothing here may take longer
status = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
sys.exit(status)
"""


def check_sentence(text: str, *words: str) -> None:
    """One line that a reader can use, with these words in it."""
    assert text.isprintable(), repr(text)
    assert 0 < len(text) <= LONGEST_SENTENCE, text
    for word in words:
        assert word in text


@contextlib.contextmanager
def silent():
    """Nothing inside prints a warning to the user."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ResourceWarning)  # which nobody sees; another test's garbage may raise one
        yield
    assert not caught, caught[0].message


def outcome(read, refusals: type[Exception] | tuple[type[Exception], ...] = ValueError):
    """What it gives, or the sentence that it refuses with."""
    with silent():
        try:
            return read()
        except refusals as error:
            sentence = str(error)
    check_sentence(sentence)
    assert not re.search("MemoryError|Unable to allocate", sentence), "more memory asked for than any file may"
    return sentence


@contextlib.contextmanager
def untouched(folder: Path, apart_from: Path | None = None):
    """Nothing inside makes, changes or removes a file below a folder, apart from those in one folder."""
    before = _snapshot(folder, apart_from)
    yield
    assert _snapshot(folder, apart_from) == before


def _snapshot(folder: Path, apart_from: Path | None) -> dict[Path, tuple[int, int] | None]:
    found = {}
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if Path(parent, name) != apart_from]
        found |= {Path(parent, name): None for name in folders}
        status = {Path(parent, name): Path(parent, name).lstat() for name in files}
        found |= {path: (of.st_ino, of.st_ctime_ns) for path, of in status.items()}
    return found


class Ended(NamedTuple):
    """What a command left behind: its exit status, its words, and its peak memory where that was measured."""

    status: int
    out: str
    err: str
    megabytes: int = 0


def run_here(words: list) -> Ended:
    """A command of ``python -m unet`` in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), silent():
        status = cli.main([str(word) for word in words])
    return Ended(status, out.getvalue(), err.getvalue())


def run_process(words: list, program: tuple[str, ...] = ("-m", "unet")) -> Ended:
    """A command as a user runs it, with its peak memory."""
    command = [sys.executable, "-c", MEASURED, sys.executable, *program, *words]
    done = subprocess.run(command, capture_output=True, text=True, env=ONE_THREAD, check=False)
    *out, megabytes = done.stdout.splitlines()
    return Ended(done.returncode, "\n".join(out), done.stderr, int(megabytes))


def start(*command: str | Path, folder: Path | None = None) -> subprocess.Popen[str]:
    """A command to be disturbed, whose words on stderr are kept."""
    pipes: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=ONE_THREAD, **pipes)


RUNS = [run_here, pytest.param(run_process, marks=LONG)]


def sentences(ended: Ended) -> list[str]:
    """The lines on stderr without the summary of ``predict``; each is a sentence."""
    lines = [line for line in ended.err.splitlines() if not re.match(r"[\d,]+ images in ", line)]
    for line in lines:
        check_sentence(line)
    return lines


def check_refusal(ended: Ended, command: str, *words: str) -> None:
    """The command said one sentence and nothing else, and ended with status 2."""
    assert (ended.status, ended.out) == (2, ""), ended
    check_sentence(ended.err.removesuffix("\n"), f"{command}: ", *words)


def check_masks(out: Path, greys: dict[str, np.ndarray], segmenter: Segmenter) -> None:
    """In ``out`` are the masks of these images, by their stems, and no other."""
    masks = {path.stem: path for path in out.iterdir()} if out.is_dir() else {}
    assert masks.keys() == greys.keys()
    for stem, grey in greys.items():
        mask, probability = np.asarray(Image.open(masks[stem])), segmenter.probability(grey)
        assert not masks[stem].is_symlink()
        assert (mask.shape, set(np.unique(mask)) - {0, 255}) == (grey.shape, set())
        assert not mask[margin(grey)].any(), stem
        sure = np.abs(probability - segmenter.threshold) > 1e-4  # the last bits depend on what is computed together
        assert np.array_equal((mask == 255)[sure], (probability > segmenter.threshold)[sure]), stem
