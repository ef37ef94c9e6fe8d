"""A training that is killed, interrupted or finds no room: whole files, one sentence, the same weights when resumed."""

import re
import signal
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.robustness.checks import LONG, ROOT, start
from tests.robustness.small_disk import needs_small_disk, small_disk
from tests.robustness.training_runs import SECONDS, Training, check_one_sentence, check_whole, complete, outcome, tear
from unet import checkpoint

AS_A_USER = [sys.executable, ROOT / "train.py"]
ON_A_SMALL_DISK = "from tests.robustness.training_runs import main; import sys; sys.exit(main(('--name=a',)))"
WRITES = 4  # of an epoch: weights, card, metrics, resume checkpoint


def seeds(count):
    """Numbers to draw moments with, the first of them in the short form too."""
    return pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=LONG) for seed in range(1, count))])


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What a run ends with that nothing disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    status, printed = Training(folder, "--name=a").end()
    assert status == 0, printed
    return outcome(folder / "runs/a")


def check_goes_on(folder, expected):
    """The run ``a`` in a folder is whole, and ends as the undisturbed one when it is resumed."""
    check_whole(folder / "runs/a")
    status, printed = Training(folder, "--name=a", "--resume").end()
    assert status == 0, printed
    assert outcome(folder / "runs/a") == expected


@seeds(25)
def test_killed_and_resumed_a_run_ends_with_the_weights_of_an_undisturbed_one(tmp_path, expected, seed):
    random, run = np.random.default_rng(seed), tmp_path / "runs/a"
    write = int(random.integers(1, 2 * WRITES, endpoint=True))
    status, _ = Training(tmp_path, "--name=a", "--resume", before=partial(tear, write)).end()
    assert status == -signal.SIGKILL
    assert len(list(run.glob("*.tmp"))) == 1  # half a file, under a temporary name
    check_whole(run)
    process = Training(tmp_path, "--name=a", "--resume")
    time.sleep(random.uniform(0, SECONDS))
    process.send(signal.SIGKILL)
    assert process.end()[0] in (-signal.SIGKILL, 0)
    check_goes_on(tmp_path, expected)


@seeds(15)
def test_interrupted_while_it_learns_it_says_one_line_and_goes_on(tmp_path, expected, seed):
    random, run = np.random.default_rng(seed), tmp_path / "runs/a"
    for number in (signal.SIGINT, signal.SIGTERM):
        process = Training(tmp_path, "--name=a", "--resume")
        process.wait_for(complete(run) + 1, run)
        time.sleep(random.uniform(0, SECONDS / 10))
        process.send(number)
        status, printed = process.end()
        assert status == 128 + number, printed
        check_one_sentence(printed, "interrupted; go on with --resume")
        assert printed.count("\ninterrupted") == 1
        assert not list(run.glob("*.tmp"))
        checkpoint.load(run / "a.safetensors")  # of one epoch, as its card
    check_goes_on(tmp_path, expected)


@seeds(15)
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=LONG)])
def test_interrupted_while_it_loads_it_says_one_line(tmp_path, number, seed):
    process = start(*AS_A_USER, "--name=a", folder=tmp_path)
    status = Path(f"/proc/{process.pid}/status")
    caught = re.compile(r"^SigCgt:\s*(\w+)$", re.MULTILINE)
    while not int(caught.search(status.read_text())[1], 16) >> (signal.SIGTERM - 1) & 1:
        time.sleep(0.001)  # until its first lines, which take over from Python
    time.sleep(np.random.default_rng(seed).uniform(0, 0.5))
    process.send_signal(number)
    assert process.communicate()[1] == "interrupted before anything was begun\n"
    assert process.returncode == 128 + number


@LONG
@needs_small_disk
@pytest.mark.parametrize("read_only", [False, True])
def test_a_disk_that_takes_no_more(tmp_path, expected, read_only):
    """A full one holds the checkpoints of two epochs, and not a third beside them; with more room the run goes on."""
    command = [*AS_A_USER, "--name=a"] if read_only else [sys.executable, "-c", ON_A_SMALL_DISK]
    process = start(*small_disk(tmp_path, "300k", read_only), *command, folder=tmp_path)
    printed = process.communicate()[1]
    assert process.returncode == 1
    reason = "Read-only file system" if read_only else "No space left on device"
    check_one_sentence(printed, f"error: runs/a cannot be written ({reason})", "--resume")
    assert complete(tmp_path / "copy/runs/a") == (0 if read_only else 2)
    if read_only:
        assert "epoch" not in printed
    else:
        assert not list((tmp_path / "copy/runs").rglob("*.tmp"))
        check_goes_on(tmp_path / "copy", expected)
