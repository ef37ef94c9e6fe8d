"""The wheel, built and tried away from the checkout: what a user has who installs it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from tests import servers
from tests.conftest import ROOT
from unet import synthetic


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, because a build writes beside what it builds."""
    place = tmp_path_factory.mktemp("wheel")
    for name in ("unet", "demo", "weights", "experiments"):
        shutil.copytree(ROOT / name, place / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place / "source")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    result = subprocess.run([*command, place, place / "source"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return next(place.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The environment of a process that finds the wheel before the checkout."""
    place = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", place, wheel]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return {**os.environ, "PYTHONPATH": str(place), "OMP_NUM_THREADS": "1"}


def run(installed, place, *words):
    command = [sys.executable, "-m", "unet", *words]
    return subprocess.run(command, cwd=place, env=installed, capture_output=True, text=True, timeout=120)


def started(installed, place, *words):
    """The demo, once it answers."""
    port = servers.free_port()
    return servers.started(
        ["-m", "unet", "demo", "--port", str(port), *words], port, folder=place, environment=installed
    )


def test_it_holds_the_package_the_weights_and_the_app(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    app = [path for path in (ROOT / "demo").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    files = {f"unet/app/demo/{path.relative_to(ROOT / 'demo').as_posix()}" for path in app}
    files |= {f"unet/weights/{path.name}" for path in (ROOT / "weights").iterdir()}
    files |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "unet").rglob("*.py")}
    assert "unet/app/demo/.streamlit/config.toml" in files
    assert files <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"unet", "salt_unet"}
    assert not any("__pycache__" in name for name in names)


def test_it_finds_salt_in_a_image(installed, tmp_path):
    Image.fromarray(synthetic.section(1, 40, 50)[0]).save(tmp_path / "a.png")
    result = run(installed, tmp_path, "predict", "a.png", "--out", "masks")
    assert result.returncode == 0, result.stderr
    assert Image.open(tmp_path / "masks" / "a.png").size == (50, 40)


def test_the_demo_shows_the_shipped_weights_and_ctrl_c_ends_it(installed, tmp_path, browser):
    (tmp_path / "demo").mkdir()  # not the one that is meant
    (tmp_path / "demo" / "__init__.py").touch()
    with started(installed, tmp_path) as demo:
        page = browser.new_page()
        page.goto(demo.address)
        page.get_by_test_id("salt-readout").filter(has_text="threshold").wait_for(timeout=60_000)
        page.get_by_role("combobox", name="Weights").click()
        assert [text.split()[0] for text in page.get_by_role("option").all_inner_texts()] == [
            "salt-unet", "salt-unet-tiny",
        ]  # fmt: skip
        page.close()
        if sys.platform == "linux":
            assert listens_on(demo.port) == {"127.0.0.1"}  # by the settings beside the app
        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(20) == 0
        assert demo.address in demo.printed()
        assert "Traceback" not in demo.printed()


def listens_on(port):
    """The IPv4 addresses at which something listens; an answer elsewhere would be one to strangers too."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        address, state = line.split()[1], line.split()[3]
        if state == "0A" and int(address.split(":")[1], 16) == port:
            found.add(socket.inet_ntoa(int(address.split(":")[0], 16).to_bytes(4, "little")))
    return found


@pytest.mark.parametrize(
    ("words", "sentence"), [([], "Port {} is not available"), (["--gradio"], "expected port {} to be free")]
)
def test_a_taken_port_is_said(installed, tmp_path, words, sentence):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run(installed, tmp_path, "demo", "--port", str(port), *words)
    assert result.returncode == 1
    assert sentence.format(port) in result.stderr + result.stdout
    assert "Traceback" not in result.stderr


def test_without_the_extra_the_demo_says_what_to_install(installed, tmp_path):
    source = "import sys; sys.modules['streamlit'] = None; from unet.__main__ import main; sys.exit(main())"
    result = subprocess.run(
        [sys.executable, "-c", source, "demo"], cwd=tmp_path, env=installed, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stderr == "demo: expected streamlit and plotly, got none; pip install 'salt-unet[demo]'\n"
