"""What a run shows of how far it is: lines of a log, and a file for whoever watches."""

import json

import pytest
from rich.console import Console

from unet.training import progress
from unet.training.progress import Position, Reporter


def position(epoch):
    rest = {"learning_rate": 1e-3, "tiles_per_second": 100.0, "seconds_left": 90.0}
    return Position(epoch=epoch, epochs=3, loss=0.5, **rest)


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_every_half_minute(clock, tmp_path, capsys):
    reporter = Reporter(Console(stderr=True), False, tmp_path)
    for second in range(100):
        clock[0] = float(second)
        reporter.show(position(second / 100))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "epoch 0.30/3  loss 0.5000  100.0 tiles/s  2 min left"
    assert [line.split()[1] for line in lines] == ["0.30/3", "0.60/3", "0.90/3"]


def test_the_file_says_where_a_run_is_and_that_it_is_finished(clock, tmp_path):
    reporter, file = Reporter(Console(quiet=True), False, tmp_path), tmp_path / "progress.json"
    reporter.show(position(0.5))
    assert not file.exists()
    clock[0] = 2.0
    reporter.show(position(0.75))
    found = json.loads(file.read_text())
    assert found.pop("time") > 1e9
    assert found == {
        "epoch": 0.75, "epochs": 3, "loss": 0.5, "learning_rate": 1e-3, "tiles_per_second": 100.0, "seconds_left": 90.0
    }  # fmt: skip
    reporter.show(position(3.0))
    assert json.loads(file.read_text())["epoch"] == 3


def test_a_folder_that_is_gone_does_not_end_a_run_here(clock, tmp_path):
    Reporter(Console(quiet=True), False, tmp_path / "gone").show(position(3.0))


def test_other_processes_show_nothing(clock, tmp_path, capsys):
    Reporter(Console(stderr=True), True, tmp_path).show(position(3.0))
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().err == ""
