"""The rules of the source that tools check: who may import whom, and what may not be called."""

import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import LONGEST
from tests.servers import ROOT


def test_imports_point_down():
    """The contracts in pyproject.toml; ``lint-imports`` shows them one by one."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_models_have_no_hooks_and_nothing_unpickles():
    """A hook would change a model that several users share, where ``UNet.forward`` has a tap."""
    for path in [*(ROOT / "unet").rglob("*.py"), *(ROOT / "demo").rglob("*.py"), ROOT / "train.py"]:
        assert not re.search(r"register_\w*hook|allow_pickle=(?!False)|weights_only=(?!True)", path.read_text()), path


def test_the_modules_that_begin_first_exist():
    assert [name for name in LONGEST if not (ROOT / name).is_file()] == []
