"""A training that is killed at any moment, and inside any write, ends with the same weights when it is resumed."""

import signal
import time
from functools import partial

import numpy as np
import pytest

from tests.robustness.checks import LONG
from tests.robustness.training_runs import SECONDS, WRITES, Training, check_whole, outcome, tear, undisturbed

KILLS = [pytest.param(seed, marks=LONG if seed else ()) for seed in range(25)]


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return undisturbed(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("seed", KILLS)
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
    check_whole(run)
    assert Training(tmp_path, "--name=a", "--resume").end()[0] == 0
    assert outcome(run) == expected


@pytest.mark.parametrize(
    ("name", "content"), [("resume-odd.pt", b"half"), ("metrics.jsonl", b'{"a": 1}\n{"b'), ("run.json", b"{")]
)
def test_half_a_file_would_be_noticed(tmp_path, name, content):
    run = tmp_path / "run"
    run.mkdir()
    (run / name).write_bytes(content)
    with pytest.raises((AssertionError, ValueError)):
        check_whole(run)
