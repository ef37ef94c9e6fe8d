"""The arrows of the house: who may import whom, read from the source itself."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FRONT_ENDS = {"streamlit", "gradio", "plotly"}


def imports(path: Path) -> set[str]:
    """Every module a file imports, at its top or inside a function; ``from unet import x`` counts as ``unet.x``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            ours = node.module in ("unet", "demo")
            found |= inner if ours else {node.module}
    return {"unet.segmenter" if name == "unet.Segmenter" else name for name in found}


def modules() -> list[str]:
    demo = [file for file in (ROOT / "demo").glob("*.py") if file.stem not in ("__init__", "app", "gradio_app")]
    files = [*(ROOT / "unet").rglob("*.py"), ROOT / "train.py", *demo]
    return sorted(".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files)


@pytest.mark.parametrize("module", modules())
def test_the_core_knows_no_front_end(module):
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    assert not {name.split(".")[0] for name in imports(path)} & FRONT_ENDS


def test_the_model_needs_torch_alone():
    allowed = {"torch", "collections", "dataclasses", "itertools", "typing"}
    found = imports(ROOT / "unet" / "model.py") - {"unet.pretrained"}  # which asks for its library when it is chosen
    assert {name.split(".")[0] for name in found} <= allowed


def test_no_hooks_and_no_pickle():
    for file in [*(ROOT / "unet").rglob("*.py"), *(ROOT / "demo").rglob("*.py"), ROOT / "train.py"]:
        source = file.read_text(encoding="utf-8")
        assert "register_forward" not in source, file
        assert "register_full_backward" not in source, file
        assert "import pickle" not in source, file
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                assert any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords), file
                assert file.name == "loop.py"
