import signal

import pytest

from reliability.faults import ended, epochs_kept, is_clean, launch, on_a_disk, sent, wait_for_epoch
from tests.robustness.small_disk import has_small_disks


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_pytorch_is_loaded_it_says_one_line(tmp_path, number):
    result = sent(tmp_path, "a", 0.3, number, loaded=False)
    assert result.status == 128 + number
    assert result.said == "interrupted before anything was begun\n"


def test_interrupted_while_it_learns_it_leaves_a_complete_checkpoint(tmp_path):
    process = launch(tmp_path, "--name=a")
    run = tmp_path / "runs" / "a"
    wait_for_epoch(process, run, 1)
    process.send_signal(signal.SIGINT)
    assert ended(process).is_one_sentence(130, "interrupted; go on with --resume")
    assert epochs_kept(run) >= 1
    assert is_clean(run)


@pytest.mark.skipif(not has_small_disks(), reason="this machine lets no process mount a disk")
@pytest.mark.parametrize(
    ("size", "read_only", "sentence"),
    [("100k", False, "No space left on device"), ("100k", True, "Read-only file system")],
)
def test_a_disk_that_takes_no_more_ends_a_run_in_one_sentence(tmp_path, size, read_only, sentence):
    result = on_a_disk(tmp_path, "--name=a", size=size, read_only=read_only)
    assert result.is_one_sentence(1, "error: runs/a cannot be written", sentence, "--resume"), result
    assert not list((tmp_path / "runs").rglob("*.tmp"))
