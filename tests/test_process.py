"""What happens to a whole process: signals, exit statuses, streams."""

import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from tests.servers import ROOT
from unet import synthetic

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
LATE = "atexit.register(lambda: (ready(), time.sleep(0.3)))"
ONE_LINE = (130, "interrupted\n")


def end(*signals, work=SLEEPS, begin="", pause=0.02):
    """Sends signals to a process as soon as it says "ready": its exit status, and what it said."""
    command = [sys.executable, "-c", PROCESS.format(work=work, begin=begin)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=ROOT, **pipes)
    assert process.stdout.readline() == "ready\n"
    for number in signals:
        time.sleep(pause)
        process.send_signal(number)
    _, said = process.communicate(timeout=10)
    return process.returncode, said


@pytest.mark.parametrize(
    ("signals", "options", "ended"),
    [
        *(([signal.SIGINT], {"work": work}, ONE_LINE) for work in WORK.values()),
        ([signal.SIGTERM, signal.SIGINT], {}, (143, "interrupted\n")),
        ([signal.SIGINT] * 2, {"work": f"try: {SLEEPS}\n    finally: time.sleep(20)", "pause": 0.2}, ONE_LINE),
        *(([signal.SIGINT] * 30, {"pause": pause}, ONE_LINE) for pause in [0, 0.0003, 0.001] * 3),
        ([signal.SIGINT], {"begin": SLEEPS}, (130, "before\n")),
        ([signal.SIGINT, signal.SIGTERM], {"work": LATE, "pause": 0.05}, (0, "")),
    ],
    ids=[*WORK, "the first counts", "the second does not wait", *["many"] * 9, "before the work", "after the work"],
)
def test_signals_are_one_line_whenever_they_come(signals, options, ended):
    assert end(*signals, **options) == ended


def test_what_the_terminal_cannot_write_is_escaped(small_weights, tmp_path):
    folder = tmp_path / "山 é"
    for part, array in zip(("images", "masks"), synthetic.section(1, 40, 40), strict=True):
        (folder / part).mkdir(parents=True)
        Image.fromarray(array).save(folder / part / "山 é.png")
    command = [sys.executable, "-m", "unet", "evaluate", folder, "--split=all", "--weights", small_weights]
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, capture_output=True, cwd=ROOT, env=environment)
    assert (done.returncode, done.stderr.decode("cp1252")) == (0, f"read {tmp_path}/\\u5c71 é\n")
    assert " \\u5c71 é " in done.stdout.decode("cp1252")


@pytest.mark.parametrize("program", [["-m", "unet"], ["train.py"]])
def test_the_version_is_printed_before_anything_is_loaded(program):
    command = [sys.executable, "-X", "importtime", *program, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0
    assert done.stdout.startswith("salt-unet 0.")
    assert not {"torch", "numpy", "tyro"} & {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
