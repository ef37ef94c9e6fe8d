"""A training when things go wrong: full and read-only disks, damaged checkpoints, an exploding loss, signals."""

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.robustness.checks import LONG, ROOT
from tests.robustness.small_disk import needs_small_disk, small_disk
from tests.robustness.training_runs import (
    EPOCHS,
    SECONDS,
    Training,
    check_one_sentence,
    check_whole,
    complete,
    explode,
    outcome,
    undisturbed,
)
from unet import checkpoint
from unet.training.resume import CHECKPOINTS, read_state

SIGNALS = [signal.SIGINT, signal.SIGTERM]
MOMENTS = [pytest.param(number, seed, marks=LONG if seed else ()) for number in SIGNALS for seed in range(15)]
AS_A_USER = [sys.executable, ROOT / "train.py"]
ON_A_SMALL_DISK = "from tests.robustness.training_runs import main; import sys; sys.exit(main(('--name=a',)))"


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return undisturbed(tmp_path_factory.mktemp("undisturbed"))


def start(folder, *command):
    """A process on one thread, whose words on stderr are kept."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


def check_goes_on(folder, expected):
    """The run ``a`` in a folder is whole, and ends as the undisturbed one when it is resumed."""
    check_whole(folder / "runs/a")
    assert not list((folder / "runs").rglob("*.tmp"))
    status, printed = Training(folder, "--name=a", "--resume").end()
    assert status == 0, printed
    assert outcome(folder / "runs/a") == expected


@needs_small_disk
def test_a_full_disk_ends_a_run_in_one_sentence_and_it_goes_on_with_more_room(tmp_path, expected):
    # It holds the checkpoints of two epochs, and not a third beside them.
    process = start(tmp_path, *small_disk(tmp_path, "300k"), sys.executable, "-c", ON_A_SMALL_DISK)
    printed = process.communicate()[1]
    assert process.returncode == 1
    check_one_sentence(printed, "error: runs/a cannot be written (No space left on device)", "--resume")
    assert complete(tmp_path / "copy/runs/a") == 2
    check_goes_on(tmp_path / "copy", expected)


@needs_small_disk
def test_a_read_only_disk_is_refused_before_anything_is_learned(tmp_path):
    process = start(tmp_path, *small_disk(tmp_path, read_only=True), *AS_A_USER, "--name=a")
    printed = process.communicate()[1]
    assert process.returncode == 1
    check_one_sentence(printed, "error: runs/a cannot be written (Read-only file system)", "--resume")
    assert "epoch" not in printed


@pytest.mark.parametrize("flips", [pytest.param(50, id="some"), pytest.param(2000, id="many", marks=LONG)])
def test_one_flipped_bit_in_a_checkpoint_is_noticed(tmp_path, expected, flips):
    Training(tmp_path, "--name=a").end()
    path = tmp_path / "runs/a" / CHECKPOINTS[EPOCHS % 2]
    content = path.read_bytes()
    for bit in np.random.default_rng(0).integers(0, 8 * len(content), flips):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        assert read_state(path) is None
    check = "is damaged or of another version"
    status, printed = Training(tmp_path, "--name=a", "--resume").end()
    assert (status, printed.count(check)) == (0, 1), printed
    assert outcome(tmp_path / "runs/a") == expected
    for name in CHECKPOINTS:
        (tmp_path / "runs/a" / name).write_bytes(content[:-1])
    status, printed = Training(tmp_path, "--name=a", "--resume").end()
    assert status == 1
    check_one_sentence(printed, "error: runs/a: expected a whole checkpoint", "--start-from runs/a/a.safetensors")


def test_a_loss_that_explodes_ends_a_run_in_one_sentence_with_the_last_weights(tmp_path):
    status, printed = Training(tmp_path, "--name=a", before=partial(explode, 3)).end()
    assert status == 1
    check_one_sentence(printed, "error: the loss is nan in epoch 3, step 2 (tiles synthetic section ")
    assert checkpoint.load(tmp_path / "runs/a/a.safetensors")[1].training["epochs"] == 2
    check_whole(tmp_path / "runs/a")


@pytest.mark.parametrize(("number", "seed"), MOMENTS)
def test_interrupted_while_it_loads_it_says_one_line(tmp_path, number, seed):
    process = start(tmp_path, *AS_A_USER, "--name=a")
    status = Path(f"/proc/{process.pid}/status")
    caught = re.compile(r"^SigCgt:\s*(\w+)$", re.MULTILINE)
    while not int(caught.search(status.read_text())[1], 16) >> (signal.SIGTERM - 1) & 1:
        time.sleep(0.001)  # until its first lines, which take over from Python
    time.sleep(np.random.default_rng(seed).uniform(0, 0.5))
    process.send_signal(number)
    assert process.communicate()[1] == "interrupted before anything was begun\n"
    assert process.returncode == 128 + number


@pytest.mark.parametrize(("number", "seed"), MOMENTS)
def test_interrupted_while_it_learns_it_says_one_line_and_goes_on(tmp_path, expected, number, seed):
    random = np.random.default_rng([seed, number])
    process = Training(tmp_path, "--name=a")
    process.wait_for(1, tmp_path / "runs/a")
    time.sleep(random.uniform(0, SECONDS / 4))
    process.send(number)
    status, printed = process.end()
    assert status == 128 + number, printed
    check_one_sentence(printed, "interrupted; go on with --resume")
    assert printed.count("\ninterrupted") == 1
    checkpoint.load(tmp_path / "runs/a/a.safetensors")  # of one epoch, as its card
    check_goes_on(tmp_path, expected)
