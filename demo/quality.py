"""How good the weights are, as the files beside them and their cards say: checked, and put into words.

Nothing here knows Streamlit or Gradio, keeps anything between calls, or writes to disk.
"""

import csv
import io
import json
import shlex
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypedDict, cast, get_args, get_origin, get_type_hints, is_typeddict

from demo import core
from unet import report
from unet.card import Card

LARGEST_REPORT = 4_000_000  # bytes of a file that is read whole; a report has about 40,000
Amount = Annotated[float, 1e15]  # a number that is no share of something: from 0 to anything sensible


class ReportError(ValueError):
    """Numbers on disk that cannot be shown; the message starts with the file's name and says why."""


class Evaluation(report.Report):
    """What ``python -m unet evaluate DATA --json FILE`` writes, as far as a page shows it."""

    sha256: str
    parameters: int
    threshold: float
    temperature: Amount
    split: str
    missing: int


class Epoch(TypedDict):
    """One epoch of a run: the seconds it took from its start, and validation scores at 0.5 without flip TTA."""

    seconds: Amount
    mAP: float
    iou: float


class Size(TypedDict):
    """A network of a certain size and what it reached, a row of experiments/sizes.csv."""

    name: str
    parameters: int
    minutes: Amount
    mAP: float
    mAP_tta: float
    iou_tta: float


def evaluation_path(weights: Path) -> Path:
    """Where the report on NAME.safetensors is: NAME.evaluation.json beside it."""
    return weights.with_suffix(".evaluation.json")


def how_to_evaluate(weights: Path, root: Path | None = None) -> str:
    """How to write the report on some weights, as Markdown to end a sentence with.

    Args:
        weights: NAME.safetensors.
        root: the checkout, by default this one; of weights elsewhere only the name is said.
    """
    root = root or core.ROOT
    path = weights.relative_to(root) if weights.is_relative_to(root) else Path(weights.name)
    options = ["--weights", str(path), "--json", str(evaluation_path(path))]
    command = shlex.join(["python", "-m", "unet", "evaluate", "data/tgs-salt", *options])
    return f"run {core.literal(command)}, then reload this page."


def read_evaluation(weights: Path, card: Card) -> Evaluation | None:
    """The report on some weights; None where there is none.

    Args:
        weights: NAME.safetensors.
        card: theirs; the report must be of its tensors, its threshold and its temperature.

    Raises:
        ReportError: the report is damaged, or of something else than the card.
    """
    path = evaluation_path(weights)
    if not path.is_file():
        return None
    text = _read_text(path)
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise ReportError(f"{path.name}: not a JSON file") from None
    try:
        _check(found, Evaluation)
        for name in ("scores", "best_threshold"):
            if not {"plain", "tta"} <= found[name].keys():
                raise ReportError(f"expected plain and tta in {name}, got {', '.join(found[name])[:60]}")
        if not found["thresholds"]:
            raise ReportError("no thresholds in it")
    except ReportError as error:
        raise ReportError(f"{path.name}: not a report of this program ({error})") from None
    if found["sha256"] != card.sha256:
        raise ReportError(f"{path.name}: a report on other weights than these")
    for name, own in (("threshold", card.threshold), ("temperature", card.temperature)):
        if found[name] != own:
            raise ReportError(f"{path.name}: made at {name} {found[name]:g}, but the weights' card says {own:g}")
    return cast(Evaluation, found)


def headline(found: Evaluation, card: Card, size: int) -> dict[str, str]:
    """Label -> number of what matters most, ready to be shown.

    Args:
        found: the report.
        card: of the same weights.
        size: of their file, in bytes.
    """
    plain, tta = found["scores"]["plain"], found["scores"]["tta"]
    claimed, way = (tta, ", flip TTA") if card.claims_tta else (plain, "")
    return {
        "mAP": f"{plain['mAP']:.3f}",
        "mAP, flip TTA": f"{tta['mAP']:.3f}",
        "Flip TTA adds": f"{tta['mAP'] - plain['mAP']:+.3f}",
        f"IoU{way}": f"{claimed['iou']:.3f}",
        f"Dice{way}": f"{claimed['dice']:.3f}",
        "Calibration error": f"{claimed['calibration_error']:.3f}",
        "Tiles": f"{found['count']:,}",
        "Threshold": f"{found['threshold']:.2f}",
        "Parameters": f"{found['parameters'] / 1e6:.2f} M",
        "File": f"{size / 1e6:.1f} MB",
    }


def meaning(found: Evaluation, card: Card) -> str:
    """What the headline says and how far it can be trusted, as Markdown."""
    split, parted = found["split"], card.split.by if card.split else ""
    sentences = [
        f"mAP is the competition's: the mean over tiles and over IoU 0.50 to 0.95, empty masks included. "
        f"Split {core.literal(split)}, {found['count']:,} tiles"
        + (f"; {found['missing']:,} more of it were not there." if found["missing"] else ".")
    ]
    if split == "train":
        sentences.append("The network was trained on these tiles: they say nothing of new ones.")
    elif split == "all":
        sentences.append("The network was trained on many of these tiles: new ones may score lower.")
    elif split == "val" and parted == "section":
        known = sum(group["count"] for group in found["sections"] if group["name"] == "in a known section")
        sentences.append(
            "No known seismic section has tiles both here and in training"
            + (f"; {known:,} of these tiles lie in one." if known else ".")
        )
    elif split == "val" and parted == "tile":
        sentences.append("They were split off tile by tile: neighbours may be in training, and the scores too good.")
    if card.threshold_chosen is not None and card.threshold_chosen.on == split:
        chose = "threshold" if found["temperature"] == 1 else "threshold and the temperature"
        sentences.append(f"The same tiles chose the {chose}, so new tiles may score a little lower.")
    return " ".join(sentences)


class Training(NamedTuple):
    """How a run's scores rose, how many seconds the runs before it took, and whether other networks taught it."""

    epochs: list[Epoch]
    earlier: float
    taught: bool


def training_history(card: Card) -> Training:
    """What a card says of the training; no epochs where it has no history.

    Raises:
        ReportError: the history is damaged.
    """
    training: dict[str, Any] = card.training or {}
    taught, epochs, earlier = bool(training.get("taught_by")), training.get("history") or [], 0.0
    try:
        _check(epochs, list[Epoch], "history")
        while training := _part(_part(training, "started_from"), "training"):
            _check(training.get("seconds"), Amount, "seconds")
            earlier += training["seconds"]
    except ReportError as error:
        raise ReportError(f"the training in this card is damaged ({error})") from None
    return Training(epochs, earlier, taught)


def read_sizes(root: Path | None = None) -> list[Size]:
    """The networks in experiments/sizes.csv; an empty list where there is no such file.

    Args:
        root: the folder that holds ``experiments``; by default ``core.ROOT``, or what came with an installed app.

    Raises:
        ReportError: the file is damaged.
    """
    places = [folder / "experiments" / "sizes.csv" for folder in ([root] if root else [core.ROOT, core.HERE.parent])]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return []
    text, sizes = _read_text(path), []
    try:
        for number, row in enumerate(csv.DictReader(io.StringIO(text)), start=1):
            numbers = {name: float(row[name]) for name in ("minutes", "mAP", "mAP_tta", "iou_tta")}
            size = {"name": row["name"], "parameters": int(row["parameters"]), **numbers}
            _check(size, Size, f"row {number}")
            sizes.append(cast(Size, size))
    except ReportError as error:
        raise ReportError(f"{path.name}: {error}") from None
    except (KeyError, TypeError, ValueError, csv.Error):
        raise ReportError(f"{path.name}: expected numbers in the columns {', '.join(Size.__annotations__)}") from None
    return sizes


def _part(card: dict[str, Any], name: str) -> dict[str, Any]:
    """An entry of a card that holds entries itself; empty where it is absent or something else."""
    value = card.get(name)
    return value if isinstance(value, dict) else {}


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_REPORT:
            raise ReportError(f"{path.name}: larger than {LARGEST_REPORT:,} bytes")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        raise ReportError(f"{path.name}: cannot be read") from None


def _check(value: Any, kind: Any, where: str = "") -> None:
    """Refuses, with a ReportError, what is not of a kind.

    Args:
        value: as ``json`` reads it.
        kind: a TypedDict, ``list`` or ``dict`` of a kind, str, int (from 0), float (in [0, 1]) or ``Amount``.
        where: what to call the value.
    """
    if is_typeddict(kind) or get_origin(kind) is dict:
        if not isinstance(value, dict):
            raise _unexpected("an object", value, where)
        if is_typeddict(kind):
            kinds = get_type_hints(kind, include_extras=True)
        else:
            kinds = dict.fromkeys(value, get_args(kind)[1])
        for name, inner in kinds.items():
            if name not in value:
                raise ReportError(f"no {name} in {where or 'it'}")
            _check(value[name], inner, f"{where} {name}".strip())
    elif get_origin(kind) is list:
        if not isinstance(value, list):
            raise _unexpected("a list", value, where)
        for number, item in enumerate(value, start=1):
            _check(item, get_args(kind)[0], f"{where} {number}")
    elif kind is str:
        if not isinstance(value, str) or len(value) > 200:
            raise _unexpected("a short text", value, where)
    elif kind is int:
        if type(value) is not int or not 0 <= value < 2**53:
            raise _unexpected("a whole number from 0", value, where)
    else:
        largest = get_args(kind)[1] if kind is Amount else 1
        if type(value) not in (int, float) or not 0 <= value <= largest:
            raise _unexpected(f"a number from 0 to {largest:g}", value, where)


def _unexpected(expected: str, value: Any, where: str) -> ReportError:
    return ReportError(f"expected {where or 'it'} to be {expected}, got {repr(value)[:40]}")
