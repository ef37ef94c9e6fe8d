"""The evaluation of weights, read from the files beside them and from their cards, and put into words.

Nothing here knows Streamlit or Gradio, changes anything between calls, or writes to disk.
"""

import csv
import io
import shlex
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from msgspec import Meta, Struct

from demo import places
from demo.markdown import literal
from unet import report, typed
from unet.card import Card
from unet.metrics import ThresholdPoint
from unet.report import TileScore
from unet.threshold import TOLERANCE
from unet.typed import Count, Share, Word

LARGEST_REPORT = 4_000_000  # bytes of a file that is read whole; a report has about 40,000
Amount = Annotated[float, Meta(ge=0, le=1e15)]  # a number that is no share of something


class ReportError(ValueError):
    """Numbers on disk that cannot be shown; the message starts with the file's name and says why."""


class Evaluation(report.Report, frozen=True, kw_only=True):
    """What ``python -m unet evaluate DATA --json FILE`` writes, as far as a page shows it."""

    sha256: Word
    parameters: Count
    threshold: Share
    temperature: Amount
    split: Word
    missing: Count
    thresholds: Annotated[list[ThresholdPoint], Meta(min_length=1)]


class Epoch(Struct, frozen=True):
    """One epoch of a run: the seconds it took from its start, and validation scores at 0.5 without flip TTA."""

    seconds: Amount
    mAP: Share
    iou: Share


class _Record(Struct, frozen=True):
    """What is read of the record of a training."""

    seconds: Amount = 0.0
    history: list[Epoch] = []
    taught_by: list[dict[str, Any]] = []
    started_from: "_Parent | None" = None


class _Parent(Struct, frozen=True):
    """What is read of the weights that a training started from."""

    training: _Record | None = None


class Size(Struct, frozen=True):
    """A network of a certain size and what it reached, a row of experiments/sizes.csv."""

    name: Word
    parameters: Count
    minutes: Amount
    mAP: Share
    mAP_tta: Share
    iou_tta: Share


def evaluation_path(weights: Path) -> Path:
    """Where the report on NAME.safetensors is: NAME.evaluation.json beside it."""
    return weights.with_suffix(".evaluation.json")


def how_to_evaluate(weights: Path, root: Path | None = None) -> str:
    """How to write the report on some weights, as Markdown to end a sentence with.

    Args:
        weights: NAME.safetensors.
        root: the checkout, by default this one; of weights elsewhere only the name is said.
    """
    root = root or places.ROOT
    path = weights.relative_to(root) if weights.is_relative_to(root) else Path(weights.name)
    options = ["--weights", str(path), "--json", str(evaluation_path(path))]
    command = shlex.join(["python", "-m", "unet", "evaluate", "data/tgs-salt", *options])
    return f"run {literal(command)}, then reload this page."


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
    try:
        found = typed.convert(typed.parse(_read(path)), Evaluation)
    except ReportError:
        raise
    except ValueError as error:
        raise ReportError(f"{path.name}: not a report of this program ({error})") from None
    if found.sha256 != card.sha256:
        raise ReportError(f"{path.name}: a report on other weights than these")
    for name, own in (("threshold", card.threshold), ("temperature", card.temperature)):
        if getattr(found, name) != own:
            raise ReportError(f"{path.name}: made at {name} {getattr(found, name):g}, but the card says {own:g}")
    return found


def headline(found: Evaluation, card: Card, size: int) -> dict[str, str]:
    """Label -> number of what matters most, ready to be shown.

    Args:
        found: the report.
        card: of the same weights.
        size: of their file, in bytes.
    """
    plain, tta = found.scores.plain, found.scores.tta
    claimed, way = (tta, ", flip TTA") if card.claims_tta else (plain, "")
    return {
        "mAP": f"{plain.mAP:.3f}",
        "mAP, flip TTA": f"{tta.mAP:.3f}",
        "Flip TTA adds": f"{tta.mAP - plain.mAP:+.3f}",
        f"IoU{way}": f"{claimed.iou:.3f}",
        f"Dice{way}": f"{claimed.dice:.3f}",
        f"Calibration error{way}": f"{claimed.calibration_error:.3f}",
        "Tiles": f"{found.count:,}",
        "Threshold": f"{found.threshold:.2f}",
        "Parameters": f"{found.parameters / 1e6:.2f} M",
        "File": f"{size / 1e6:.1f} MB",
    }


def intervals(found: Evaluation, card: Card) -> dict[str, str]:
    """Label of a number in the headline -> its 95 % interval, ready to be shown; empty where the report has none."""
    if found.intervals is None:
        return {}
    plain, tta = found.intervals.plain, found.intervals.tta
    claimed, way = (tta, ", flip TTA") if card.claims_tta else (plain, "")
    of_label = {"mAP": plain.mAP, "mAP, flip TTA": tta.mAP, f"IoU{way}": claimed.iou}
    return {label: f"{interval.low:.3f} to {interval.high:.3f}" for label, interval in of_label.items()}


def threshold_choice(found: Evaluation, card: Card) -> str:
    """What the curve of scores says of the threshold, in sentences."""
    sentences = []
    chosen = card.threshold_chosen
    if chosen is not None and chosen.rule:
        sentences.append(f"The card's threshold, {card.threshold:.2f}, has the {chosen.rule}.")
    if found.chosen_threshold is not None:
        flat = found.chosen_threshold.tta if card.claims_tta else found.chosen_threshold.plain
        sentences.append(
            f"From {flat.flat_from:.2f} to {flat.flat_to:.2f}, mAP is at most {TOLERANCE} below that at "
            f"{flat.threshold:.2f}; the highest anywhere is {flat.highest_mAP:.3f}."
        )
    return " ".join([*sentences, "The curve does not say which threshold suits another survey."])


def basis(found: Evaluation, card: Card) -> str:
    """What every view of a report is of, as Markdown."""
    way = "with flip TTA (off on *Explore* until you switch it on)" if card.claims_tta else "without flip TTA"
    return f"On the {found.count:,} tiles of split {literal(found.split)}, at threshold {found.threshold:.2f}, {way}"


def meaning(found: Evaluation, card: Card) -> str:
    """What the headline says and how far it can be trusted, as Markdown."""
    split, parted = found.split, card.split.by if card.split else ""
    sentences = [
        f"mAP is the mean over tiles and over the IoU thresholds 0.50 to 0.95, empty masks included, as the TGS "
        f"competition scored; IoU and Dice are over all pixels together. Split {literal(split)}, {found.count:,} tiles"
        + (f"; {found.missing:,} more of it were not there." if found.missing else ".")
    ]
    if found.intervals is not None:
        units = found.intervals.plain.mAP.units
        sentences.append(
            f"The ranges are 95 % intervals by the bootstrap over {units:,} seismic sections, a tile in no known one "
            "counted as one: for other tiles like these, not for another survey."
        )
    if found.sections:
        groups = (f"{one.name} ({one.count:,} tiles) mAP {one.mAP:.3f} and IoU {one.iou:.3f}" for one in found.sections)
        sentences.append(f"{basis(found, card)}: {', '.join(groups)}.")
    if split == "train":
        sentences.append("The network was trained on these tiles: they say nothing of new ones.")
    elif split == "all":
        sentences.append("The network was trained on many of these tiles: new ones may score lower.")
    elif split == "val" and parted == "section":
        known = sum(group.count for group in found.sections if group.name == "in a known section")
        sentences.append(
            "No known seismic section has tiles both here and in training"
            + (f"; {known:,} of these tiles lie in one." if known else ".")
        )
    elif split == "val" and parted == "tile":
        sentences.append("They were split off tile by tile: neighbours may be in training, and the scores too good.")
    if card.threshold_chosen is not None and card.threshold_chosen.on == split:
        chose = "threshold" if found.temperature == 1 else "threshold and the temperature"
        sentences.append(f"The same tiles chose the {chose}, so new tiles may score a little lower.")
    return " ".join(sentences)


def tile_scores(tile: TileScore) -> list[str]:
    """What was measured on a tile, in short lines."""
    return [
        f"mAP {tile.score:.1f}, IoU {tile.iou:.3f}",
        f"{100 * tile.salt_share:.1f} % is salt",
        f"{100 * tile.predicted_share:.1f} % called salt",
    ]


class Training(NamedTuple):
    """How a run's scores rose, how many seconds the runs before it took, and whether it learned from teachers."""

    epochs: list[Epoch]
    earlier: float
    has_teachers: bool


def training_history(card: Card) -> Training:
    """What a card says of the training; no epochs where it has no history.

    Raises:
        ReportError: the history is damaged.
    """
    try:
        record = typed.convert(card.training or {}, _Record)
    except ValueError as error:
        raise ReportError(f"the training in this card is damaged ({error})") from None
    earlier, before = 0.0, record.started_from
    while before and before.training:
        earlier, before = earlier + before.training.seconds, before.training.started_from
    return Training(record.history, earlier, bool(record.taught_by))


def read_sizes(root: Path | None = None) -> list[Size]:
    """The networks in experiments/sizes.csv; an empty list where there is no such file.

    Args:
        root: the folder that holds ``experiments``; by default ``places.ROOT``, or what came with an installed app.

    Raises:
        ReportError: the file is damaged.
    """
    roots = [root] if root else [places.ROOT, places.HERE.parent]
    path = next((path for root in roots if (path := root / "experiments" / "sizes.csv").is_file()), None)
    if path is None:
        return []
    sizes: list[Size] = []
    try:
        for row in csv.DictReader(io.StringIO(_read(path).decode())):
            numbers = {name: float(row[name]) for name in ("minutes", "mAP", "mAP_tta", "iou_tta")}
            values = {"name": row["name"], "parameters": int(row["parameters"]), **numbers}
            sizes.append(typed.convert(values, Size))
    except ReportError:
        raise
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        columns = ", ".join(Size.__struct_fields__)
        raise ReportError(
            f"{path.name}: row {len(sizes) + 1}: expected numbers in the columns {columns} ({error})"
        ) from None
    return sizes


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_REPORT:
            raise ReportError(f"{path.name}: larger than {LARGEST_REPORT:,} bytes")
        return path.read_bytes()
    except OSError:
        raise ReportError(f"{path.name}: cannot be read") from None
