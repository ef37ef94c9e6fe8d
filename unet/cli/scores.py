"""What ``evaluate`` prints: the tables of scores, their intervals, and the difference between two networks."""

from collections.abc import Mapping, Sequence

from unet import bootstrap, metrics, report
from unet.cli.console import NumberColumn, print_table
from unet.data import pairing
from unet.data.tiles import Tiles
from unet.files.printable import printable
from unet.metrics import Scores
from unet.segmenter import Probability, Segmenter
from unet.threshold import TOLERANCE, choose_threshold


def print_report(
    segmenter: Segmenter,
    tiles: Tiles,
    probabilities: Sequence[Probability],
    sections: Mapping[str, str] | None,
    split: str,
    tta: bool,
) -> None:
    """Prints the scores of a network on the tiles of a split, from its probabilities, with flip TTA or without it."""
    masks, threshold = list(tiles.masks), segmenter.threshold
    temperature = f" and temperature {segmenter.temperature:g}" if segmenter.temperature != 1 else ""
    way = ", flip TTA" if tta else ""
    scores = metrics.evaluate(probabilities, masks, threshold)
    units = bootstrap.units(tiles.ids, sections or {})
    intervals = metrics.intervals(probabilities, masks, threshold, units)
    chosen = choose_threshold(metrics.sweep(probabilities, masks))
    of_images = f"{scores.count:,} images of {split}"
    of_pixels = f"{tiles.masks.size:,} pixels of {split}"
    print_table(
        f"Split {split}, threshold {threshold:g}{temperature} as in the card{way}",
        ["Score", NumberColumn("Value"), "Over"],
        [
            ("mAP, IoU 0.50:0.95, as on Kaggle", f"{scores.mAP:.4f}", of_images),
            ("IoU per image", f"{scores.iou_per_image:.4f}", of_images),
            ("Dice per image", f"{scores.dice_per_image:.4f}", of_images),
            ("IoU", f"{scores.iou:.4f}", of_pixels),
            ("Dice", f"{scores.dice:.4f}", of_pixels),
            ("Pixel accuracy", f"{scores.pixel_accuracy:.4f}", of_pixels),
            ("Calibration error", f"{scores.calibration_error:.4f}", of_pixels),
            ("Threshold these would choose", f"{chosen.threshold:.2f}", of_images),
            ("  mAP there", f"{chosen.mAP:.4f}", of_images),
            (f"  mAP within {TOLERANCE} of it", f"{chosen.flat_from:.2f} to {chosen.flat_to:.2f}", of_images),
            ("Highest mAP at any threshold", f"{chosen.highest_mAP:.4f}", of_images),
        ],
    )
    of_units = "tiles" if sections is None else "sections, a tile in no known one counted as one"
    for name, value, interval in (("mAP", scores.mAP, intervals.mAP), ("IoU", scores.iou, intervals.iou)):
        error = f"95 % interval {interval.low:.3f} to {interval.high:.3f} over {interval.units:,} {of_units}"
        print(f"{name} {value:.4f} ({error})")
    _print_groups("By true share of salt", report.by_coverage(probabilities, masks, threshold))
    if tiles.cut_from:
        _print_groups("By section", report.by_image(tiles.ids, probabilities, masks, threshold, tiles.cut_from))
    elif known := report.by_section(tiles.ids, probabilities, masks, threshold, sections):
        _print_groups("By sections.csv", known)
    _print_tiles("The worst tiles", report.worst(tiles.ids, probabilities, masks, threshold, count=5))
    if split == "all":
        seen = len(pairing.join(segmenter.card.trained_on(), tiles.ids).possible())
        print(f"The weights were trained on {seen:,} of these tiles.")


def print_synthetic(sets: Mapping[str, Scores]) -> None:
    """Prints the scores of sets of synthetic sections, by their names."""
    print_table(
        "Synthetic sections, without flip TTA",
        ["Sections", *map(NumberColumn, ("Count", "mAP", "IoU"))],
        [(name, f"{of.count:,}", f"{of.mAP:.4f}", f"{of.iou:.4f}") for name, of in sets.items()],
    )


def print_comparison(weights: str, comparison: report.Comparison) -> None:
    """Prints how much better the weights of this path are, and whether that may be chance."""
    tta = ", flip TTA" if comparison.tta else ""
    print(
        f"{printable(weights)} minus {printable(comparison.weights)}{tta}, each at its own card's threshold, on the "
        f"{comparison.count:,} tiles that neither was trained on:"
    )
    difference = comparison.difference
    for score, found in (("mAP", difference.mAP), ("IoU", difference.iou)):
        low, high = found.interval.low, found.interval.high
        contains = "contains 0" if found.interval.contains(0) else "does not contain 0"
        print(f"  {score} {found.value:+.4f} (95 % interval {low:+.4f} to {high:+.4f}, which {contains})")


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
