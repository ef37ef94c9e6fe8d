"""The wheel, built and tried away from the checkout: what a user has who installs it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import zipfile

import pytest
from PIL import Image

from tests.servers import ROOT, free_port, started
from unet import synthetic


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Built from a copy, because a build writes beside what it builds."""
    place = tmp_path_factory.mktemp("wheel")
    for name in ("unet", "demo", "weights", "experiments"):
        shutil.copytree(ROOT / name, place / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place / "source")
    pip("wheel", "--no-build-isolation", "--wheel-dir", place, place / "source")
    return next(place.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    """The environment of a process that finds the wheel before the checkout."""
    place = tmp_path_factory.mktemp("installed")
    pip("install", "--target", place, wheel)
    return {**os.environ, "PYTHONPATH": str(place), "OMP_NUM_THREADS": "1"}


def pip(command, *words):
    status, said = run(None, None, "-m", "pip", command, "--quiet", "--no-deps", *words)
    assert status == 0, said


def run(installed, place, *words):
    """``python ...`` with the installed package in a folder: its exit status, and what it said."""
    options = {"cwd": place, "env": installed, "capture_output": True, "text": True, "timeout": 120}
    done = subprocess.run([sys.executable, *words], **options)
    return done.returncode, done.stdout + done.stderr


def test_it_holds_the_package_the_weights_and_the_app(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    app = [path for path in (ROOT / "demo").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    files = {f"unet/app/demo/{path.relative_to(ROOT / 'demo').as_posix()}" for path in app}
    weights = (path for path in (ROOT / "weights").rglob("*") if path.is_file())
    files |= {f"unet/{path.relative_to(ROOT).as_posix()}" for path in weights}
    files |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "unet").rglob("*.py")}
    assert "unet/app/demo/.streamlit/config.toml" in files
    assert files <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"unet", "salt_unet"}
    assert not any("__pycache__" in name for name in names)
    scripts = next(name for name in names if name.endswith("/entry_points.txt"))
    assert b"salt-unet = unet.__main__:main" in zipfile.ZipFile(wheel).read(scripts)


def test_it_finds_salt_in_an_image(installed, tmp_path):
    Image.fromarray(synthetic.section(1, 40, 50)[0]).save(tmp_path / "a.png")
    status, said = run(installed, tmp_path, "-m", "unet", "predict", "a.png", "--out", "masks")
    assert status == 0, said
    assert Image.open(tmp_path / "masks" / "a.png").size == (50, 40)


def test_the_demo_shows_the_shipped_weights_and_ctrl_c_ends_it(installed, tmp_path, browser):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "__init__.py").touch()  # another package of this name, which is not the one that is meant
    port = free_port()
    command = ["-m", "unet", "demo", "--port", str(port)]
    with started(command, port, folder=tmp_path, environment=installed) as server:
        page = browser.new_page()
        page.goto(server.address)
        page.get_by_test_id("salt-readout").filter(has_text="threshold").wait_for(timeout=60_000)
        page.get_by_role("combobox", name="Weights").click()
        options = page.get_by_role("option").all_inner_texts()
        assert [text.split()[0] for text in options] == ["salt-unet", "salt-unet-tiny", "synthetic-run"]
        page.close()
        if sys.platform == "linux":  # where one that listens everywhere listens at this address too
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.2", port))
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(20) == 0
        assert server.address in server.printed()
        assert "Traceback" not in server.printed()


@pytest.mark.parametrize(
    ("words", "sentence"), [([], "Port {} is not available"), (["--gradio"], "expected port {} to be free")]
)
def test_a_taken_port_is_said(installed, tmp_path, words, sentence):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = run(installed, tmp_path, "-m", "unet", "demo", "--port", str(port), *words)
    assert status == 1
    assert sentence.format(port) in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        ([], 1, "expected streamlit and plotly, got none; pip install 'salt-unet[demo]'"),
        (["--port", "70000"], 2, "expected --port to be a number from 1 to 65535, got 70000"),
        (["--gradio", "--", "--a", "b"], 2, "expected no options for Streamlit with --gradio, got --a b"),
    ],
)
def test_what_the_demo_refuses(installed, tmp_path, words, status, sentence):
    source = "import sys; sys.modules['streamlit'] = None; from unet.__main__ import main; sys.exit(main())"
    assert run(installed, tmp_path, "-c", source, "demo", *words) == (status, f"demo: {sentence}\n")
