"""Odd, damaged and hostile weights and cards: loaded as they were saved, or refused before anything is written."""

import json
import struct
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from tests.robustness.checks import RUNS, check_masks, check_refusal, untouched
from tests.robustness.hostile_files import EXPECTED, GREY, SALT, encoded, flipped, plant
from unet.image import RULE
from unet.segmenter import Segmenter

Spoil = Callable[[Path], object]  # is given NAME.safetensors, its card beside it, and spoils either
HEAD = "head.weight"


def entry(**entries: Any) -> Spoil:
    """Changes entries of the card."""

    def spoil(path: Path) -> None:
        card = json.loads(path.with_suffix(".json").read_text())
        path.with_suffix(".json").write_text(json.dumps({**card, **entries}))

    return spoil


def card(content: bytes) -> Spoil:
    return lambda path: path.with_suffix(".json").write_bytes(content)


def file(change: Callable[[bytes], bytes], trusted: bool = True) -> Spoil:
    """Other bytes, and a card that was written for them (``trusted``) or was not."""

    def spoil(path: Path) -> None:
        path.write_bytes(change(path.read_bytes()))
        if trusted:
            entry(sha256=sha256(path.read_bytes()).hexdigest())(path)

    return spoil


def tensors(change: Callable[[dict[str, torch.Tensor]], object]) -> Spoil:
    def changed(whole: bytes) -> bytes:
        found = safetensors.torch.load(whole)
        change(found)
        return safetensors.torch.save(found)

    return file(changed)


def header(content: bytes, length: int | None = None) -> Spoil:
    """A file of tensors that begins like this."""
    return file(lambda whole: struct.pack("<Q", len(content) if length is None else length) + content + bytes(64))


def tensor(dtype: str, shape: list[int], end: int) -> Spoil:
    return header(json.dumps({HEAD: {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}}).encode())


def replaced(suffix: str, by: Callable[[Path], object] = lambda path: None) -> Spoil:
    """Takes one of both files away, and puts something in its place."""

    def spoil(path: Path) -> None:
        path.with_suffix(suffix).unlink()
        by(path.with_suffix(suffix))

    return spoil


def spoiled() -> list[tuple[str, Spoil, str | None]]:
    """What is odd, how it is done, and words of the sentence they are refused with; None where they are loaded."""
    misfit, no_file, no_card, others = "safetensors: ", "expected a file of tensors", "expected JSON", "got others"
    return [
        ("good ones", lambda path: None, None),
        ("entries nobody knows", entry(colour="blue", future=[1]), None),
        ("the least entries", entry(claim=None, split=None, sites=None, parameters=None), None),
        ("a bit flipped", file(lambda whole: flipped(whole, 90_000), trusted=False), others),
        ("another sha256", entry(sha256="0" * 64), "card '000000000000'"),
        ("a sha256 of control characters", entry(sha256="\x1b[31m\n" * 9), "card '\\x1b[31m\\n"),
        ("cut in its tensors", file(lambda whole: whole[:-100]), no_file),
        ("a header of 2**64 bytes", header(b"{}", 2**64 - 1), no_file),
        ("a header that is no JSON", header(b"{" * 500), no_file),
        ("a shape beyond all memory", tensor("F32", [2**31, 2**31], 2**64 - 1), no_file),
        ("offsets that are too small", tensor("F32", [4, 4], 16), no_file),
        ("a type nobody knows", tensor("F3", [16], 64), no_file),
        ("a type of half a byte", tensor("F4", [16], 64), ""),
        ("a tensor too few", tensors(lambda found: found.pop(HEAD)), misfit),
        ("a tensor too many", tensors(lambda found: found.update({"\x1b[31m": torch.zeros(1)})), misfit),
        ("a tensor of another type", tensors(lambda found: found.update({HEAD: found[HEAD].double()})), misfit),
        ("NaN in a tensor", tensors(lambda found: found[HEAD].fill_(torch.nan)), "finite values in " + HEAD),
        ("far too large", tensors(lambda f: [t.mul_(1e30) for t in f.values() if t.is_floating_point()]), "finite"),
        ("more bytes than a network", file(lambda whole: whole + bytes(2_000_000)), misfit),
        ("a missing card", replaced(".json"), "small.json: the card of small.safetensors cannot be read"),
        ("missing weights", replaced(".safetensors"), "small.safetensors: cannot be read"),
        ("a folder for a card", replaced(".json", Path.mkdir), "cannot be read"),
        ("a card without end", replaced(".json", lambda path: path.symlink_to("/dev/zero")), no_card),
        ("a card of 50 MB", card(b" " * 50_000_001), "50,000,001"),
        ("a card that is a list", card(b"[]"), "expected the card of weights"),
        ("a card of brackets", card(b"[" * 100_000), no_card),
        ("a card of NaN", entry(threshold=float("nan")), no_card),
        ("a number of 5,000 digits", card(b'{"threshold": ' + b"9" * 5000 + b"}"), no_card),
        ("a number of 400 digits", entry(threshold=10**400), ""),
        ("another input rule", entry(input={**RULE, "mean": 0.5}), "input rule"),
        ("an input rule of a megabyte", entry(input={"x" * 10**6: 1}), ""),
        ("another shape of network", entry(config={"width": 8, "depth": 3}), "sites of its config"),
        ("a config of a control character", entry(config={"\x1b": 1}), "got one with '\\x1b'"),
        ("sites of another network", entry(sites=[]), "sites of its config"),
        ("parameters of another network", entry(parameters=5), "parameters of its config"),
    ]


CLAIM = {"metric": "mAP", "value": 0.5, "split": "val", "count": 2, "tta": True, "threshold": 0.5}
WRONG_CLAIMS = [{"value": "0.9"}, {"value": None}, {"value": 83.0}, {"value": -1}, {"count": "many"}, {"tta": "yes"}]
WRONG = {  # an entry of the card, which the sentence names -> values that it cannot have
    "config": ["big", None, {"width": 1e9}, {"width": "4"}, {"layers": 3}, {"block": "x" * 10**6}, {"encoder": ["b0"]}],
    "threshold": [0, 1, -3, "0.5", None, True, [0.5], "x" * 10**6],
    "temperature": [0, 0.05, 20.01, -1, "2", None, True, [1]],
    "claim": ["high", {}, 7, {"tta": True}, *({**CLAIM, **wrong} for wrong in WRONG_CLAIMS)],
    "split": ["val", [], {"val": "abc"}, {"val": [1, 2]}, {"val": [["a"]]}, {"train": None}, {"val": ["a", "a"]}],
    "sha256": [7], "input": ["grey"], "sites": ["encoder1"], "parameters": [10**400], "name": [[]], "training": [3],
}  # fmt: skip
ROWS = [pytest.param(*row, id=name) for name, *row in spoiled()]
ROWS += [pytest.param(entry(**{name: value}), name) for name, values in WRONG.items() for value in values]
EVERY = pytest.mark.parametrize(("spoil", "words"), ROWS)


@pytest.fixture
def copied(weights, sandbox):
    """Good weights and their card, to be spoiled."""
    return plant(sandbox, {path.name: path.read_bytes() for path in weights.parent.iterdir()}) / weights.name


@EVERY
@pytest.mark.parametrize("command", [["predict", "data", "--out", "out"], ["evaluate", "data", "--split", "all"]])
@pytest.mark.parametrize("run", RUNS)
def test_a_command_says_it_and_makes_nothing(spoil, words, command, run, weights, copied):
    spoil(copied)
    plant(Path("data"), {"images/a.png": encoded(GREY), "masks/a.png": encoded(SALT)})
    with untouched(copied.parents[1], copied.parent / "out"):
        ended = run([*command, "--weights", copied])
    if words is None:
        assert ended.status == 0, ended.err
        check_masks(Path("out"), {"a": EXPECTED} if command[0] == "predict" else {}, Segmenter.load(weights))
    else:
        check_refusal(ended, command[0], words)
        assert not Path("out").exists()
