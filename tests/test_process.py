"""What happens to a whole process: signals, exit statuses, streams."""

import io
import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from tests.servers import ROOT
from unet import synthetic
from unet.cli.process import escape_streams

PROCESS = """
import atexit, sys, time
from unet.cli.process import SignalHandler
signals = SignalHandler("before")
ready = lambda: print("ready", flush=True)
{begin}
def work():
    {work}
    return 0
sys.exit(signals.run("interrupted", work))
"""
SLEEPS = "ready(); time.sleep(20)"
WORK = {
    "plain": SLEEPS,
    "in an except clause": "try: raise ValueError\n    except ValueError: ready(); time.sleep(20)",
    "turned into another error": f"try: {SLEEPS}\n    except KeyboardInterrupt as error: raise RuntimeError from error",
    "in a destructor": "type('Late', (), {'__del__': lambda self: (ready(), time.sleep(20))})(); time.sleep(20)",
}


def end(*signals, work=SLEEPS, begin="", pause=0.02):
    """Sends signals to a process as soon as it says "ready": its exit status, and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS.format(work=work, begin=begin)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout.readline() == "ready\n"
    for number in signals:
        time.sleep(pause)
        process.send_signal(number)
    _, said = process.communicate(timeout=10)
    return process.returncode, said


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_a_signal_is_one_line_wherever_it_comes(work):
    assert end(signal.SIGINT, work=work) == (130, "interrupted\n")


def test_the_first_signal_gives_the_status():
    assert end(signal.SIGTERM, signal.SIGINT) == (143, "interrupted\n")


def test_the_second_one_does_not_wait():
    slow = f"try: {SLEEPS}\n    finally: time.sleep(20)"
    assert end(signal.SIGINT, signal.SIGINT, work=slow, pause=0.2) == (130, "interrupted\n")


@pytest.mark.parametrize("pause", [0, 0.0003, 0.001])
def test_any_number_of_signals_are_one_line(pause):
    for _ in range(5):
        assert end(*[signal.SIGINT] * 30, pause=pause) == (130, "interrupted\n")


def test_a_signal_before_the_work_ends_it_at_once():
    assert end(signal.SIGINT, begin=SLEEPS) == (130, "before\n")


def test_a_signal_after_the_work_changes_nothing():
    late = "atexit.register(lambda: (ready(), time.sleep(0.3)))"
    assert end(signal.SIGINT, signal.SIGTERM, work=late, pause=0.05) == (0, "")


@pytest.mark.parametrize(("encoding", "written"), [("cp1252", b"caf\xe9 \\u5c71"), ("ascii", b"caf\\xe9 \\u5c71")])
def test_what_an_encoding_lacks_is_escaped(encoding, written, monkeypatch):
    for name in ("stdout", "stderr"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, name, stream)
        escape_streams()
        print("café 山", end="", file=stream, flush=True)
        assert stream.buffer.getvalue() == written


def run(*command, **environment):
    """The exit status, stdout and stderr of ``python ...`` in the checkout."""
    result = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment}
    )
    return result.returncode, result.stdout, result.stderr


def test_a_tile_that_the_terminal_cannot_write(small_weights, tmp_path):
    for part, array in zip(("images", "masks"), synthetic.section(1, 40, 40), strict=True):
        (tmp_path / part).mkdir()
        Image.fromarray(array.astype("uint8")).save(tmp_path / part / "山.png")
    words = ("evaluate", tmp_path, "--split=all", "--weights", small_weights)
    status, out, err = run("-m", "unet", *words, PYTHONIOENCODING="ascii")
    assert (status, err) == (0, f"read {tmp_path}\n")
    assert "\\u5c71" in out


def test_a_refusal_as_a_user_meets_it(tmp_path):
    status = run("-m", "unet", "predict", "gone", "--out", tmp_path / "out")
    assert status == (2, "", "predict: gone: no such file or folder\n")


@pytest.mark.parametrize("program", [["-m", "unet"], ["train.py"]])
def test_the_version_is_printed_before_anything_is_loaded(program):
    status, out, err = run("-X", "importtime", *program, "--version")
    assert status == 0
    assert out.startswith("salt-unet 0.")
    assert not {"torch", "numpy", "tyro"} & {line.rpartition("|")[2].strip() for line in err.splitlines()}
