import io
import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from reliability import kill, predict
from tests.conftest import ROOT
from unet import synthetic
from unet.cli.process import escape_streams

PROCESS = """
import atexit, sys, time
from unet.cli.process import Ending
ending = Ending("before")
{before}
def work():
    print("ready", flush=True)
    {work}
    return 0
sys.exit(ending.run("interrupted", work))
"""
SLEEP = "time.sleep(20)"
SLOW_TO_END = """
    try:
        time.sleep(20)
    finally:
        time.sleep(20)
"""
FAILS = """
    try:
        raise ValueError
    except ValueError:
        time.sleep(20)
"""
TURNS_INTO_ANOTHER = """
    try:
        time.sleep(20)
    except KeyboardInterrupt as error:
        raise RuntimeError from error
"""
IN_A_DESTRUCTOR = """
    class Last:
        def __del__(self):
            time.sleep(20)
    Last()
    time.sleep(20)
"""


def process(work=SLEEP, before=""):
    source = PROCESS.format(work=work, before=before)
    return subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )


def end(running, *signals, pause=0.0):
    """Sends it the signals when it is ready: its status, and what it said."""
    assert running.stdout.readline() == "ready\n"
    for number in signals:
        time.sleep(pause)
        running.send_signal(number)
    _, said = running.communicate(timeout=10)
    return running.returncode, said


@pytest.mark.parametrize("work", [SLEEP, FAILS, TURNS_INTO_ANOTHER, IN_A_DESTRUCTOR])
def test_a_signal_is_one_line_wherever_it_comes(work):
    assert end(process(work), signal.SIGINT, pause=0.02) == (130, "interrupted\n")


def test_the_first_signal_gives_the_status():
    assert end(process(), signal.SIGTERM, signal.SIGINT, pause=0.02) == (143, "interrupted\n")


def test_the_second_one_does_not_wait():
    assert end(process(SLOW_TO_END), signal.SIGINT, signal.SIGINT, pause=0.2) == (130, "interrupted\n")


@pytest.mark.parametrize("pause", [0, 0.0003, 0.001])
def test_any_number_of_signals_are_one_line(pause):
    for _ in range(5):
        assert end(process(), *[signal.SIGINT] * 30, pause=pause) == (130, "interrupted\n")


def test_a_signal_before_the_work_ends_it_at_once():
    running = process(before="print('ready', flush=True); time.sleep(20)")
    assert end(running, signal.SIGINT) == (130, "before\n")


def test_a_signal_after_the_work_changes_nothing():
    running = process("atexit.register(lambda: (print('ready', flush=True), time.sleep(0.3)))")
    assert running.stdout.readline() == "ready\n"
    assert end(running, signal.SIGINT, signal.SIGTERM, pause=0.05) == (0, "")


def test_two_interrupts_at_the_end_of_an_epoch_are_one_line(tmp_path):
    """The first is held back until all is written; the second comes while the first is being answered."""
    for number in range(3):
        run = tmp_path / "runs" / f"a{number}"
        training = kill.Training(tmp_path, "--name", run.name, "--epochs=20")
        assert kill.strike(training, run, kill.WRITES_PER_EPOCH, signal.SIGINT)
        time.sleep(0.001 + number % 2 * 0.001)
        training.send(signal.SIGINT)
        said = training.said()
        assert training.status == 130, said
        assert said.endswith("\ninterrupted; go on with --resume\n")
        assert said.count("interrupted") == 1
        assert "Traceback" not in said
        assert not kill.damage(run)


def test_two_interrupts_of_predict_are_one_line(tmp_path):
    images = predict.draw(tmp_path / "images", 140)
    running = predict.start(predict.MODULE, *predict.words(images, tmp_path))
    predict.wait(lambda: len(predict.contents(tmp_path / "out")) > 0, running)
    running.send_signal(signal.SIGINT)
    time.sleep(0.001)
    running.send_signal(signal.SIGINT)
    result = predict.ended(running, tmp_path)
    assert result.status == 130
    said = [line for line in result.said.splitlines() if "0100-damaged.png" not in line]
    assert said == ["predict: interrupted; --skip-existing goes on from here"]


@pytest.mark.parametrize(("encoding", "written"), [("cp1252", b"caf\xe9 \\u5c71"), ("ascii", b"caf\\xe9 \\u5c71")])
def test_what_an_encoding_lacks_is_escaped(encoding, written, monkeypatch):
    for name in ("stdout", "stderr"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, name, stream)
        escape_streams()
        print("café 山", end="", file=stream, flush=True)
        assert stream.buffer.getvalue() == written


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_command_names_a_tile_that_the_terminal_cannot_write(encoding, small_weights, tmp_path):
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
        Image.fromarray(synthetic.section(1, 40, 40)[part == "masks"].astype("uint8")).save(tmp_path / part / "山.png")
    words = ["evaluate", str(tmp_path), "--split=all", "--weights", str(small_weights)]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "unet", *words]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert (result.returncode, result.stderr) == (0, f"read {tmp_path}\n")
    assert "\\u5c71" in result.stdout


@pytest.mark.parametrize("door", [["-m", "unet"], ["train.py"]])
def test_the_version(door):
    result = subprocess.run([sys.executable, *door, "--version"], capture_output=True, text=True, cwd=ROOT)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("salt-unet 0.")
