"""``python -m unet evaluate``: the scores of weights on labelled tiles."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from tyro.conf import Positional, arg

from unet import bootstrap, metrics, report
from unet.amplitude import limits_asked_for
from unet.card import Card
from unet.cli.checks import check_replaceable, check_writable, load_segmenter
from unet.cli.console import progress_bar, say
from unet.cli.options import Flag, OptionalFile, UsageError, WeightsFile
from unet.cli.scores import print_comparison, print_report, print_synthetic
from unet.data import pairing
from unet.data.places import labelled_place, shown
from unet.data.sections import describe, find_sections
from unet.data.tiles import Tiles, read_tiles
from unet.evaluation import synthetic_scores
from unet.files.atomic import write_atomically
from unet.prediction import CHUNK
from unet.segmenter import Probability, Segmenter, shipped_weights


@dataclass(frozen=True)
class Options:
    """Score the weights on labelled tiles, at the threshold in their card."""

    data: Annotated[Positional[Path], arg(metavar="DATA")]
    """A folder or .zip with images/ and masks/, or the folder that holds train.zip or train/. Images larger than 128
    pixels a side are sections, of any size: as in training, the tiles cut from them are scored."""
    weights: WeightsFile = None
    split: Literal["val", "train", "all"] = "val"
    """Which tiles: those held back from training (val) or trained on (train), as the card lists them, or every tile in
    DATA (all)."""
    against: OptionalFile = None
    """Also print how much better the weights are than those of FILE, on the tiles that neither was trained on."""
    amplitude_limits: Annotated[tuple[float, float] | None, arg(metavar="LOW HIGH", help_behavior_hint="")] = None
    """The numbers that become black and white, where DATA holds amplitudes; HIGH before LOW reverses the polarity."""
    clip_percentile: Annotated[float | None, arg(metavar="P", help_behavior_hint="")] = None
    """Limits that leave out P per cent of the samples at each end, for example 0.5, taken over all of DATA."""
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
        _check_report(options.json, [weights, options.against], options.overwrite)
    try:
        place = labelled_place(options.data)
        labelled = read_tiles(place, limits=limits_asked_for(options.amplitude_limits, options.clip_percentile))
        sections, notes = _known_sections(options.data, labelled)
    except ValueError as error:  # DataError or ImageError
        raise UsageError(error) from None
    tiles, missing = _select(labelled, segmenter.card, options.split)
    other = options.against and _other_network(options.against, segmenter, tiles.ids, labelled.ids, sections or {})
    say(f"read {shown(place)}")
    for note in (*labelled.made(), *(f"warning: {note}" for note in labelled.notes), *notes):
        say(note)
    if missing:
        say(f"{missing:,} tiles of split {options.split} are not in {options.data}, and are left out")

    predictions = None if options.json is None else _predict_for_report(segmenter, tiles)
    if predictions is None:
        probabilities: Sequence[Probability] = _predict(tiles, [(segmenter, options.tta)])[0]
    else:
        probabilities = predictions.tta if options.tta else predictions.plain
    comparison = other and _compare(segmenter, other, tiles, probabilities, options.tta, sections or {})
    print_report(segmenter, tiles, probabilities, sections, options.split, options.tta)
    if comparison:
        print_comparison(_relative(weights), comparison)
    if predictions is not None and options.json is not None:
        synthetic = synthetic_scores(segmenter, segmenter.threshold)
        print_synthetic(synthetic)
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
        if comparison:
            content["against"] = msgspec.to_builtins(comparison)
        write_atomically(options.json, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())
    return 0


def _check_report(path: Path, weights: Sequence[Path | None], overwrite: bool) -> None:
    check_writable(path)
    taken = {name.resolve() for of in weights if of is not None for name in (of, of.with_suffix(".json"))}
    if path.resolve() in taken:
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


def _known_sections(root: Path, tiles: Tiles) -> tuple[Mapping[str, str] | None, list[str]]:
    """Tile -> seismic section where that is known, None where that is so of none, and what there is to say of it."""
    found = find_sections(root, tiles.ids, tiles.cut_from)
    return found.of(tiles.ids) or None, [] if found.summary is None else describe(found.summary)


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


@dataclass(frozen=True)
class _Other:
    """The network to compare with, and the rows of the tiles that neither was trained on."""

    path: Path
    segmenter: Segmenter
    rows: list[int]


def _other_network(
    path: Path, segmenter: Segmenter, ids: Sequence[str], labelled: Sequence[str], sections: Mapping[str, str]
) -> _Other:
    """Loads the network to compare with, and leaves out tiles of a section that either was trained on."""
    other = load_segmenter(path)
    trained_on = (network.card.trained_on() for network in (segmenter, other))
    seen = set().union(*(pairing.join(names, labelled).possible() for names in trained_on))
    seen_sections = {sections[name] for name in seen if name in sections}
    rows = [row for row, name in enumerate(ids) if name not in seen and sections.get(name) not in seen_sections]
    if not rows:
        raise UsageError(
            f"expected tiles that neither network was trained on, got none among {len(ids):,}; compare them on others, "
            "as with --split val"
        )
    return _Other(path, other, rows)


def _compare(
    segmenter: Segmenter,
    other: _Other,
    tiles: Tiles,
    probabilities: Sequence[Probability],
    tta: bool,
    sections: Mapping[str, str],
) -> report.Comparison:
    """How much better a network is than the other, from its probabilities of all tiles."""
    common = tiles.subset([tiles.ids[row] for row in other.rows])
    ours = [probabilities[row] for row in other.rows]
    (theirs,) = _predict(common, [(other.segmenter, tta)])
    return report.Comparison(
        weights=_relative(other.path),
        sha256=other.segmenter.card.sha256,
        threshold=other.segmenter.threshold,
        temperature=other.segmenter.temperature,
        count=len(common.ids),
        tta=tta,
        difference=metrics.differences(
            (ours, segmenter.threshold),
            (theirs, other.segmenter.threshold),
            list(common.masks),
            bootstrap.units(common.ids, sections),
        ),
    )


def _relative(path: Path) -> str:
    """A path as a reader of the report can use it: relative where it is below the current folder."""
    here, whole = Path.cwd().resolve(), path.resolve()
    return (whole.relative_to(here) if whole.is_relative_to(here) else path).as_posix()
