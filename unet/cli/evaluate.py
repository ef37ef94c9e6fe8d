"""``python -m unet evaluate``: the scores of weights on labelled tiles."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from tyro.conf import Positional, arg

from unet import metrics, report
from unet.card import Card
from unet.cli.checks import check_replaceable, check_writable, load_segmenter
from unet.cli.console import NumberColumn, print_table, progress_bar, say
from unet.cli.options import Flag, OptionalFile, UsageError, WeightsFile
from unet.data import pairing
from unet.data.dataset import unseen_sections
from unet.data.places import labelled_place, sections_file, shown
from unet.data.sections import describe, match_sections, read_sections
from unet.data.tiles import Tiles, read_tiles
from unet.evaluation import scores
from unet.files.atomic import write_atomically
from unet.files.printable import printable
from unet.prediction import CHUNK
from unet.segmenter import Probability, Segmenter, shipped_weights


@dataclass(frozen=True)
class Options:
    """Score the weights on labelled tiles, at the threshold in their card."""

    data: Annotated[Positional[Path], arg(metavar="DATA")]
    """A folder or .zip with images/ and masks/, or the folder that holds train.zip or train/."""
    weights: WeightsFile = None
    split: Literal["val", "train", "all"] = "val"
    """Which tiles: those held back from training (val) or trained on (train), as the card lists them, or every tile in
    DATA (all)."""
    tta: Flag = False
    """Average with the mirrored image: a little better, twice the time."""
    json: OptionalFile = None
    """Also write the whole report to FILE: scores with and without --tta, and all else the way the card's claim is
    made."""
    overwrite: Flag = False
    """Replace files that are there already and that this did not write."""


def run(options: Options) -> int:
    """Prints the scores, and writes the report.

    Args:
        options: of the command.

    Returns:
        The exit status.

    Raises:
        UsageError: the weights or the tiles cannot be used, or the report could not be written.
        OSError: the report cannot be written after all.
    """
    weights = options.weights or shipped_weights()
    segmenter = load_segmenter(weights)
    if options.json is not None:
        _check_report(options.json, weights, options.overwrite)
    try:
        place = labelled_place(options.data)
        labelled = read_tiles(place)
        sections, notes = _known_sections(options.data, labelled.ids)
    except ValueError as error:  # DataError or ImageError
        raise UsageError(error) from None
    tiles, missing = _select(labelled, segmenter.card, options.split)
    say(f"read {shown(place)}")
    for note in (*(f"warning: {note}" for note in labelled.notes), *notes):
        say(note)
    if missing:
        say(f"{missing:,} tiles of split {options.split} are not in {options.data}, and are left out")

    probabilities: Sequence[Probability]
    if options.json is None:
        probabilities = _predict(tiles, [(segmenter, options.tta)])[0]
    else:
        predictions = _predict_for_report(segmenter, tiles)
        probabilities = predictions.tta if options.tta else predictions.plain
        synthetic = scores(segmenter, unseen_sections(), segmenter.threshold)
        found = report.make_report(tiles.ids, predictions, list(tiles.masks), segmenter.threshold, sections, synthetic)
        content = {
            "name": weights.stem,
            "weights": _relative(weights),
            "sha256": segmenter.card.sha256,
            "parameters": sum(tensor.numel() for tensor in segmenter.model.parameters()),
            "threshold": segmenter.threshold,
            "temperature": segmenter.temperature,
            "split": options.split,
            "missing": missing,
            **msgspec.to_builtins(found),
        }
        write_atomically(options.json, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())
    _print_report(options, segmenter, tiles, probabilities, sections)
    return 0


def _check_report(path: Path, weights: Path, overwrite: bool) -> None:
    check_writable(path)
    if path.resolve() in (weights.resolve(), weights.with_suffix(".json").resolve()):
        raise UsageError(
            f"{path}: expected a name for the report, got that of the weights or their card; choose another"
        )
    if not overwrite and path.exists() and not _is_report(path):
        check_replaceable([path])


def _is_report(path: Path) -> bool:
    """Whether a file is a report that this command wrote."""
    try:
        content = json.loads(path.read_bytes())
        return isinstance(content, dict) and content.keys() >= {"weights", "sha256", "split", "scores", "worst"}
    except (OSError, ValueError, RecursionError):
        return False


def _known_sections(root: Path, ids: list[str]) -> tuple[Collection[str] | None, list[str]]:
    """The tiles whose seismic section is known, None where that is so of none, and what there is to say of them."""
    table, file = read_sections(root), sections_file(root)
    if table is None or file is None:
        return None, []
    matched = match_sections(ids, table)
    return matched.of.keys() or None, describe(matched.summary(len(ids), shown(file)))


def _select(tiles: Tiles, card: Card, split: str) -> tuple[Tiles, int]:
    """The tiles of a split, and how many of its ids are not among the tiles."""
    if split == "all":
        return tiles, 0
    wanted = () if card.split is None else getattr(card.split, split)
    known = pairing.join(wanted, tiles.ids).known
    ids = list(dict.fromkeys(known[name] for name in wanted if name in known))
    if not ids:
        raise UsageError(
            f"expected tiles of split {split} in the data, got none of the {len(wanted):,} that the card lists; "
            "score every tile there with --split all"
        )
    return tiles.subset(ids), len(wanted) - len(ids)


def _predict(tiles: Tiles, ways: Sequence[tuple[Segmenter, bool]]) -> list[list[Probability]]:
    """The probabilities of all tiles, once for each segmenter and whether it uses flip TTA."""
    images = list(tiles.images)
    results: list[list[Probability]] = []
    with progress_bar() as bar:
        task = bar.add_task("evaluate", total=len(ways) * len(images))
        for segmenter, tta in ways:
            probabilities: list[Probability] = []
            for start in range(0, len(images), CHUNK):
                batch = images[start : start + CHUNK]
                probabilities += segmenter.probabilities(batch, tta)
                bar.advance(task, len(batch))
            results.append(probabilities)
    return results


def _predict_for_report(segmenter: Segmenter, tiles: Tiles) -> report.Predictions:
    """What the report needs; predicted again without the temperature only where there is one."""
    claim_tta = segmenter.card.claims_tta
    ways = [(segmenter, False), (segmenter, True)]
    if segmenter.temperature != 1:
        ways.append((segmenter.at_temperature(1.0), claim_tta))
    plain, tta, *uncorrected = _predict(tiles, ways)
    return report.Predictions(plain, tta, claim_tta, *(uncorrected or [tta if claim_tta else plain]))


def _relative(path: Path) -> str:
    """A path as a reader of the report can use it: relative where it is below the current folder."""
    here, whole = Path.cwd().resolve(), path.resolve()
    return (whole.relative_to(here) if whole.is_relative_to(here) else path).as_posix()


def _print_report(
    options: Options,
    segmenter: Segmenter,
    tiles: Tiles,
    probabilities: Sequence[Probability],
    sections: Collection[str] | None,
) -> None:
    masks, threshold = list(tiles.masks), segmenter.threshold
    temperature = f" and temperature {segmenter.temperature:g}" if segmenter.temperature != 1 else ""
    tta = ", flip TTA" if options.tta else ""
    scores = metrics.evaluate(probabilities, masks, threshold)
    best = metrics.best_threshold(probabilities, masks)
    of_images = f"{scores.count:,} images of {options.split}"
    of_pixels = f"{tiles.masks.size:,} pixels of {options.split}"
    print_table(
        f"Split {options.split}, threshold {threshold:g}{temperature} as in the card{tta}",
        ["Score", NumberColumn("Value"), "Over"],
        [
            ("mAP, IoU 0.50:0.95, as on Kaggle", f"{scores.mAP:.4f}", of_images),
            ("IoU per image", f"{scores.iou_per_image:.4f}", of_images),
            ("Dice per image", f"{scores.dice_per_image:.4f}", of_images),
            ("IoU", f"{scores.iou:.4f}", of_pixels),
            ("Dice", f"{scores.dice:.4f}", of_pixels),
            ("Pixel accuracy", f"{scores.pixel_accuracy:.4f}", of_pixels),
            ("Calibration error", f"{scores.calibration_error:.4f}", of_pixels),
            ("Best threshold", f"{best.threshold:.2f}", of_images),
            ("  mAP there", f"{best.mAP:.4f}", of_images),
            ("  mAP within 0.002", f"{best.flat_from:.2f} to {best.flat_to:.2f}", of_images),
        ],
    )
    _print_groups("By true share of salt", report.by_coverage(probabilities, masks, threshold))
    if known := report.by_section(tiles.ids, probabilities, masks, threshold, sections):
        _print_groups("By sections.csv", known)
    _print_tiles("The worst tiles", report.worst(tiles.ids, probabilities, masks, threshold, count=5))
    if options.split == "all":
        seen = len(pairing.join(segmenter.card.trained_on(), tiles.ids).possible())
        print(f"The weights were trained on {seen:,} of these tiles.")


def _print_groups(title: str, groups: Sequence[report.Group]) -> None:
    print_table(
        title,
        ["Tiles", *map(NumberColumn, ("Count", "mAP", "IoU", "Dice"))],
        [(g.name, f"{g.count:,}", f"{g.mAP:.4f}", f"{g.iou:.4f}", f"{g.dice:.4f}") for g in groups],
        caption="IoU and Dice over all pixels: 0 without salt as soon as one is predicted.",
    )


def _print_tiles(title: str, tiles: Sequence[report.TileScore]) -> None:
    print_table(
        title,
        ["Tile", *map(NumberColumn, ("Score", "IoU", "Salt", "Predicted"))],
        [
            (printable(t.id), f"{t.score:.1f}", f"{t.iou:.4f}", f"{t.salt_share:.1%}", f"{t.predicted_share:.1%}")
            for t in tiles
        ],
    )
