"""The arrows of the house: who may import whom, read from the source itself."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# module -> the modules of ours it imports
ARROWS: dict[str, set[str]] = {
    "unet.command": set(),
    "unet.pretrained": set(),
    "unet.model": {"unet.pretrained"},
    "unet.colour": set(),
    "unet.margin": set(),
    "unet.image": {"unet.colour", "unet.margin"},
    "unet.declared": {"unet.image"},
    "unet.losses": set(),
    "unet.metrics": set(),
    "unet.rle": set(),
    "unet.render": set(),
    "unet.synthetic": set(),
    "unet.files": {"unet.declared", "unet.image"},
    "unet.augment": {"unet.image"},
    "unet.pairing": set(),
    "unet.places": {"unet.files"},
    "unet.sections": {"unet.files", "unet.pairing", "unet.places"},
    "unet.data": {"unet.files", "unet.pairing", "unet.places", "unet.sections"},
    "unet.checkpoint": {"unet.model"},
    "unet.segmenter": {"unet.image", "unet.margin", "unet.checkpoint", "unet.model", "unet.metrics"},
    "unet.explain": {"unet.segmenter", "unet.model", "unet.image", "unet.margin", "unet.synthetic"},
    "unet.material": {
        "unet.augment", "unet.data", "unet.files", "unet.image", "unet.pairing", "unet.places", "unet.sections",
        "unet.synthetic",
    },
    "unet.record": {"unet.data", "unet.material", "unet.places", "unet.sections"},
    "unet.report": {"unet.metrics"},
    "unet.judging": {
        "unet.segmenter", "unet.metrics", "unet.report", "unet.data", "unet.material", "unet.checkpoint",
    },
    "unet.options": {"unet.model"},
    "unet.provenance": {"unet.checkpoint", "unet.image", "unet.material", "unet.options"},
    "unet.teaching": {
        "unet.checkpoint", "unet.material", "unet.pairing", "unet.places", "unet.sections", "unet.segmenter",
    },
    "unet.training": {
        "unet.checkpoint", "unet.data", "unet.files", "unet.image", "unet.judging", "unet.losses", "unet.material",
        "unet.model", "unet.options", "unet.pairing", "unet.places", "unet.pretrained", "unet.provenance",
        "unet.record", "unet.sections", "unet.segmenter", "unet.teaching",
    },
    "unet.prediction": {
        "unet.segmenter", "unet.files", "unet.image", "unet.metrics", "unet.rle", "unet.checkpoint",
    },
    "unet.cli": {
        "unet.bench", "unet.checkpoint", "unet.command", "unet.data", "unet.files", "unet.judging", "unet.material",
        "unet.metrics", "unet.pairing", "unet.places", "unet.prediction", "unet.report", "unet.sections",
        "unet.segmenter",
    },
    "unet.bench": {"unet.segmenter", "unet.model", "unet.image", "unet.synthetic"},
    "unet.__init__": {"unet.segmenter"},
    "unet.__main__": {"unet.cli", "unet.command", "unet.launch"},
    "unet.launch": {"unet.command"},
    "train": {"unet.command", "unet.training", "unet.options", "unet.data", "unet.files"},
    "demo.core": {
        "unet.segmenter", "unet.render", "unet.synthetic", "unet.metrics", "unet.files", "unet.image", "unet.margin",
        "unet.checkpoint", "unet.data",
    },
    "demo.session": {"demo.core", "unet.files", "unet.pairing", "unet.render", "unet.rle", "unet.segmenter"},
    "demo.explorer": {"demo.core", "unet.explain", "unet.image", "unet.render", "unet.segmenter"},
    "demo.quality": {"demo.core", "unet.checkpoint", "unet.report"},
}  # fmt: skip

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
    files = [*(ROOT / "unet").glob("*.py"), ROOT / "train.py", *demo]
    return sorted(".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files)


@pytest.mark.parametrize("module", modules())
def test_arrows_point_one_way(module):
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    ours = {name for name in imports(path) if name.split(".")[0] in ("unet", "demo", "train")}
    assert ours == ARROWS[module]  # an arrow nobody needs is as wrong as one too many


@pytest.mark.parametrize("module", modules())
def test_the_core_knows_no_front_end(module):
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    assert not {name.split(".")[0] for name in imports(path)} & FRONT_ENDS


def test_the_model_needs_torch_alone():
    allowed = {"torch", "collections", "dataclasses", "itertools", "typing"}
    found = imports(ROOT / "unet" / "model.py") - {"unet.pretrained"}  # which asks for its library when it is chosen
    assert {name.split(".")[0] for name in found} <= allowed


def test_no_hooks_and_no_pickle():
    for file in [*(ROOT / "unet").glob("*.py"), *(ROOT / "demo").rglob("*.py"), ROOT / "train.py"]:
        source = file.read_text(encoding="utf-8")
        assert "register_forward" not in source, file
        assert "register_full_backward" not in source, file
        assert "import pickle" not in source, file
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                assert any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords), file
                assert file.name == "training.py"
