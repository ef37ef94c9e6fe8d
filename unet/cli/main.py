"""The command line, ``python -m unet``: what was asked, checked before anything is done, and what came of it.

The exit status is 0 when all went well, 1 when something could not be done, 2 when what was asked cannot be;
``unet.__main__`` adds 130 after Ctrl-C and 143 after SIGTERM.  Results go to stdout; progress, problems and the
summary go to stderr.
"""

import argparse
import csv
import io
import json
import os
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from unet import benchmark as bench
from unet import metrics, report
from unet.card import Card
from unet.cli.process import version
from unet.data import pairing
from unet.data.dataset import unseen_sections
from unet.data.pairing import is_mask_beside
from unet.data.places import labelled_place, sections_file, shown
from unet.data.sections import match_sections, read_sections, sections_said
from unet.data.tiles import Tiles, read_tiles
from unet.evaluation import scores
from unet.files.images import FORMATS, ImageError, ImageFile, MissingError, find_images, find_left_out, printable
from unet.prediction import CHUNK, ClashError, Way, is_submission_of, others, plan, predict, refusal, write
from unet.segmenter import BATCH, Probability, Segmenter, shipped_weights

NAMED = 8  # files that one sentence names


class UsageError(Exception):
    """What was asked cannot be done; the message is one sentence that says why."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: the words after ``python -m unet``; by default those of this process.

    Returns:
        The exit status.

    Raises:
        SystemExit: after ``--help`` and ``--version`` (0), and after words that are no command (2).
    """
    commands = {"predict": _predict, "evaluate": _evaluate, "bench": _bench, "demo": _demo}
    name = "unet"
    try:
        arguments = _parser().parse_args(argv)
        name = arguments.command
        return commands[name](arguments)
    except UsageError as error:
        _say(f"{name}: {error}")
        return 2
    except OSError as error:  # what is read is guarded where it is read: this is a disk that is full, or gone
        _say(f"{name}: stopped, {error.filename or 'output'} cannot be written ({error.strerror or error})")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m unet", description="Find salt in seismic images.")
    parser.add_argument("--version", action="version", version=version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    command = commands.add_parser(
        "predict",
        help="write a mask for every image",
        description="Write a mask for every image, of its size: DIR/<stem>.png, 8-bit, 255 = salt.",
        epilog="An image that cannot be read is named on stderr, the others are still done, and the exit status is 1.",
    )
    command.add_argument(
        "inputs",
        nargs="+",
        type=Path,
        metavar="INPUT",
        help=f"an image ({FORMATS}), or a folder or .zip of images, folders in it included; where there are "
        "folders called images, only those are read",
    )
    command.add_argument("--out", required=True, type=Path, metavar="DIR", help="the folder for the masks")
    _add_weights(command)
    command.add_argument(
        "--threshold",
        type=_threshold,
        metavar="T",
        help="salt is where the probability is above T, between 0 and 1 (default: as in the weights' card)",
    )
    _add_tta(command)
    command.add_argument(
        "--fast",
        action="store_true",
        help="fold batch norm into the convolutions and use bfloat16 where the processor has it; "
        "probabilities change a little",
    )
    command.add_argument(
        "--probability",
        action="store_true",
        help="also write the probability of salt: DIR/<stem>.npy, float32",
    )
    command.add_argument(
        "--csv", type=Path, metavar="FILE", help="also write all masks as a Kaggle submission (id,rle_mask)"
    )
    command.add_argument(
        "--skip-existing",
        action="store_true",
        help="leave out images whose files are already in DIR, to go on after an interruption; those that were made "
        "of another image or in another way are made again",
    )
    _add_overwrite(command)

    command = commands.add_parser(
        "evaluate",
        help="score the weights on labelled tiles",
        description="Score the weights on labelled tiles, at the threshold in their card.",
    )
    command.add_argument(
        "data",
        type=Path,
        metavar="DATA",
        help="a folder or .zip with images/ and masks/, or the folder that holds train.zip or train/",
    )
    _add_weights(command)
    command.add_argument(
        "--split",
        choices=("val", "train", "all"),
        default="val",
        help="which tiles: those held back from training (val) or trained on (train), as the card lists "
        "them, or every tile in DATA (all) (default: %(default)s)",
    )
    _add_tta(command)
    command.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="also write the whole report to FILE: scores with and without --tta, and all else the way the card's "
        "claim is made",
    )
    _add_overwrite(command)

    command = commands.add_parser(
        "bench",
        help="measure the speed",
        description="Measure the time per tile of 101 x 101, beside milesial/Pytorch-UNet's architecture.",
    )
    _add_weights(command)
    command.add_argument(
        "--tiles", type=_positive, default=32, metavar="N", help="tiles in a round (default: %(default)s)"
    )
    command.add_argument(
        "--repeats",
        type=_positive,
        default=7,
        metavar="N",
        help="rounds, of which the median counts (default: %(default)s)",
    )

    commands.add_parser("demo", help="start the app, to be opened in a browser", add_help=False)
    return parser


def _add_weights(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="NAME.safetensors, with its card NAME.json beside it (default: the shipped weights)",
    )


def _add_overwrite(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--overwrite", action="store_true", help="replace files that are there already and that this did not write"
    )


def _add_tta(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--tta",
        action="store_true",
        help="average with the mirrored image: a little better, twice the time",
    )


def _threshold(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"expected a number between 0 and 1, got {text}")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text}")
    return value


def _predict(arguments: argparse.Namespace) -> int:
    begin = time.perf_counter()
    images, problems, left_out = _collect(arguments.inputs)
    try:
        jobs = plan(images, arguments.out, arguments.probability)
    except ClashError as error:
        raise UsageError(error) from None
    segmenter = _load(arguments.weights, arguments.fast)
    _make_folder(arguments.out)
    encode = arguments.csv is not None
    if encode:
        _check_file(arguments.csv)
        taken = [
            *arguments.inputs,
            *(p.path for p in images if p.path),
            *(path for job in jobs for path in job.outputs),
        ]
        if os.path.realpath(arguments.csv) in {os.path.realpath(path) for path in taken}:
            raise UsageError(f"{arguments.csv}: is an image or a mask itself; choose another name for the CSV file")
    if not arguments.overwrite:
        there = others(jobs, arguments.skip_existing, encode)
        if encode and arguments.csv.exists() and not is_submission_of(arguments.csv, arguments.out):
            there.append(arguments.csv)
        _refuse_to_replace(there)
    for problem in problems:
        _say(problem)

    with _progress() as progress:
        task = progress.add_task("predict", total=len(jobs))
        outcome = predict(
            jobs,
            Way(segmenter, segmenter.threshold if arguments.threshold is None else arguments.threshold, arguments.tta),
            report=lambda sentence: progress.console.out(sentence, highlight=False),
            advance=lambda count: progress.advance(task, count),
            skip_existing=arguments.skip_existing,
            encode=encode,
        )
    if encode:
        _write_submission(arguments.csv, outcome.runs)

    for note, names in outcome.notes.items():
        _say(f"{names[0]}: {note}" if len(names) == 1 else f"{len(names):,} images, first {names[0]}: {note}")
    seconds = time.perf_counter() - begin
    share = outcome.network_seconds / seconds
    summary = f"{outcome.done:,} images in {seconds:.1f} s, {share:.0%} of it in the network"
    failed = outcome.failed + len(problems)
    if outcome.skipped:
        summary += f"; {outcome.skipped:,} were there already"
    if outcome.stale:
        summary += f"; {outcome.stale:,} were there, but made of something else or in another way"
    if failed:
        summary += f"; {failed:,} could not be done"
    if left_out:
        summary += f"; {left_out:,} files were left out"
    _say(summary)
    return 1 if failed or left_out else 0


def _refuse_to_replace(there: Sequence[Path]) -> None:
    if there:
        which = f"{there[0]} and {len(there) - 1:,} more files are" if len(there) > 1 else f"{there[0]} is"
        raise UsageError(
            f"{which} there already and not as this program wrote it; choose another place, or pass --overwrite"
        )


def _collect(inputs: Sequence[Path]) -> tuple[list[ImageFile], list[str], int]:
    """The images of all inputs, a sentence for each that cannot be used, and how many files were left out."""
    images: list[ImageFile] = []
    problems: list[str] = []
    empty: list[str] = []
    count = 0
    for path in inputs:
        try:
            found, left_out = find_images(path), [file.name for file in find_left_out(path)]
        except MissingError as error:
            raise UsageError(error) from None
        except ImageError as error:
            problems.append(str(error))
            continue
        if not found:
            empty.append(f"{path}: no images in it that can be read ({FORMATS})")
        if left_out:
            count += len(left_out)
            more = f" and {len(left_out) - NAMED:,} more" if len(left_out) > NAMED else ""
            _say(
                f"{', '.join(left_out[:NAMED])}{more}: left out; expected {FORMATS}, and where there are folders "
                "called images only what lies in those"
            )
        masks = is_mask_beside([image.inside for image in found])
        if masks:
            _say(f"{path}: {len(masks):,} masks beside their images, first {found[min(masks)].name}, were left out")
        for index, image in enumerate(found):
            if index in masks:
                continue
            reason = refusal(image.stem)
            if reason is None:
                images.append(image)
            else:
                problems.append(f"{image.name}: {reason}")
    if empty and not images and not problems:
        raise UsageError("; ".join(empty))
    return images, empty + problems, count


def _write_submission(path: Path, runs: dict[str, str]) -> None:
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["id", "rle_mask"])
    rows.writerows(sorted(runs.items()))
    write(path, lambda file: file.write(text.getvalue().encode()))


def _evaluate(arguments: argparse.Namespace) -> int:
    path = arguments.weights or shipped_weights()
    segmenter = _load(path)
    if arguments.json is not None:
        _check_file(arguments.json)
        if arguments.json.resolve() in (path.resolve(), path.with_suffix(".json").resolve()):
            raise UsageError(f"{arguments.json}: belongs to the weights; choose another name for the report")
        if not arguments.overwrite and arguments.json.exists() and not _is_report(arguments.json):
            _refuse_to_replace([arguments.json])
    try:
        place = labelled_place(arguments.data)
        everything = read_tiles(place)
        sections, said = _known_sections(arguments.data, everything.ids)
    except ValueError as error:  # DataError or ImageError
        raise UsageError(error) from None
    split = arguments.split
    tiles, missing = _choose(everything, segmenter.card, split)
    _say(f"read {shown(place)}")
    for line in (*(f"warning: {note}" for note in everything.notes), *said):
        _say(line)
    if missing:
        _say(f"{missing:,} tiles of split {split} are not in {arguments.data}, and are left out")

    masks = list(tiles.masks)
    probabilities: Sequence[Probability]
    if arguments.json is None:
        probabilities = _predicted(tiles, [(segmenter, arguments.tta)])[0]
    else:
        predictions = _every_way(segmenter, tiles)
        probabilities = predictions.tta if arguments.tta else predictions.plain
        found = report.make_report(tiles.ids, predictions, masks, segmenter.threshold, sections)
        found["scores"]["synthetic"] = scores(segmenter, unseen_sections(), segmenter.threshold)
        content = {
            "name": path.stem,
            "weights": _below_here(path),
            "sha256": segmenter.card.sha256,
            "parameters": sum(parameter.numel() for parameter in segmenter.model.parameters()),
            "threshold": segmenter.threshold,
            "temperature": segmenter.temperature,
            "split": split,
            "missing": missing,
            **found,
        }
        text = json.dumps(content, indent=2, allow_nan=False) + "\n"
        write(arguments.json, lambda file: file.write(text.encode()))

    asked = metrics.evaluate(probabilities, masks, segmenter.threshold)
    best = metrics.best_threshold(probabilities, masks)
    of_card = f"threshold {segmenter.threshold:g}"
    if segmenter.temperature != 1:
        of_card += f" and temperature {segmenter.temperature:g}"
    title = f"Split {split}, {of_card} as in the card{', flip TTA' if arguments.tta else ''}"
    _print_scores(title, asked, best, split, tiles.masks.size)
    _print_groups("By true share of salt", report.by_coverage(probabilities, masks, segmenter.threshold))
    known = report.by_section(tiles.ids, probabilities, masks, segmenter.threshold, sections)
    if known:
        _print_groups("By sections.csv", known)
    _print_worst(report.worst(tiles.ids, probabilities, masks, segmenter.threshold, count=5))
    if split == "all":
        seen = len(pairing.join(segmenter.card.trained_on(), tiles.ids).possible())
        print(f"The weights were trained on {seen:,} of these tiles.")
    return 0


def _known_sections(root: Path, ids: list[str]) -> tuple[Collection[str] | None, list[str]]:
    """The tiles whose seismic section is known, None where that is so of none, and what there is to say of them."""
    table, file = read_sections(root), sections_file(root)
    if table is None or file is None:
        return None, []
    matched = match_sections(ids, table)
    return matched.of.keys() or None, sections_said(file, matched.summary(len(ids)))


def _is_report(path: Path) -> bool:
    """Whether a file is a report that this command wrote."""
    try:
        content = json.loads(path.read_bytes())
        return isinstance(content, dict) and content.keys() >= {"weights", "sha256", "split", "scores", "worst"}
    except (OSError, ValueError, RecursionError):
        return False


def _predicted(tiles: Tiles, ways: Sequence[tuple[Segmenter, bool]]) -> list[list[Probability]]:
    """The probabilities of all tiles, once for each segmenter and whether it uses flip TTA."""
    images = list(tiles.images)
    results: list[list[Probability]] = []
    with _progress() as progress:
        task = progress.add_task("evaluate", total=len(ways) * len(images))
        for segmenter, tta in ways:
            probabilities: list[Probability] = []
            for start in range(0, len(images), CHUNK):
                batch = images[start : start + CHUNK]
                probabilities += segmenter.probabilities(batch, tta)
                progress.advance(task, len(batch))
            results.append(probabilities)
    return results


def _every_way(segmenter: Segmenter, tiles: Tiles) -> report.Predictions:
    """What the report needs; predicted again without the temperature only where there is one."""
    claim_tta = segmenter.card.claims_tta
    ways = [(segmenter, False), (segmenter, True)]
    if segmenter.temperature != 1:
        ways.append((segmenter.at_temperature(1.0), claim_tta))
    plain, tta, *uncorrected = _predicted(tiles, ways)
    claimed = tta if claim_tta else plain
    return report.Predictions(plain, tta, claim_tta, uncorrected[0] if uncorrected else claimed)


def _below_here(path: Path) -> str:
    """A path as a reader of the report can use it: relative where it is below the current folder."""
    here, whole = Path.cwd().resolve(), path.resolve()
    return (whole.relative_to(here) if whole.is_relative_to(here) else path).as_posix()


def _choose(tiles: Tiles, card: Card, split: str) -> tuple[Tiles, int]:
    """The tiles of a split, and how many of its ids are not among the tiles."""
    if split == "all":
        return tiles, 0
    wanted = () if card.split is None else getattr(card.split, split)
    known = pairing.join(wanted, tiles.ids).known
    ids = list(dict.fromkeys(known[name] for name in wanted if name in known))
    if not ids:
        raise UsageError(
            f"none of the {len(wanted):,} tiles that the card lists as split {split} is in the data; "
            "score every tile there with --split all"
        )
    return tiles.subset(ids), len(wanted) - len(ids)


def _print_scores(title: str, scores: metrics.Scores, best: metrics.BestThreshold, split: str, pixels: int) -> None:
    table = Table(title=title)
    table.add_column("Score")
    table.add_column("Value", justify="right")
    table.add_column("Over")
    of_images = f"{scores['count']:,} images of {split}"
    of_pixels = f"{pixels:,} pixels of {split}"
    table.add_row("mAP, IoU 0.50:0.95, as on Kaggle", f"{scores['mAP']:.4f}", of_images)
    table.add_row("IoU per image", f"{scores['iou_per_image']:.4f}", of_images)
    table.add_row("Dice per image", f"{scores['dice_per_image']:.4f}", of_images)
    table.add_row("IoU", f"{scores['iou']:.4f}", of_pixels)
    table.add_row("Dice", f"{scores['dice']:.4f}", of_pixels)
    table.add_row("Pixel accuracy", f"{scores['pixel_accuracy']:.4f}", of_pixels)
    table.add_row("Calibration error", f"{scores['calibration_error']:.4f}", of_pixels)
    table.add_row("Best threshold", f"{best['threshold']:.2f}", of_images)
    table.add_row("  mAP there", f"{best['mAP']:.4f}", of_images)
    table.add_row("  mAP within 0.002", f"{best['flat_from']:.2f} to {best['flat_to']:.2f}", of_images)
    Console().print(table)


def _print_groups(title: str, groups: Sequence[report.Group]) -> None:
    table = Table(title=title, caption="IoU and Dice over all pixels: 0 without salt as soon as one is predicted.")
    table.add_column("Tiles")
    for column in ("Count", "mAP", "IoU", "Dice"):
        table.add_column(column, justify="right")
    for group in groups:
        values = [f"{value:.4f}" for value in (group["mAP"], group["iou"], group["dice"])]
        table.add_row(group["name"], f"{group['count']:,}", *values)
    Console().print(table)


def _print_worst(tiles: Sequence[report.TileScore]) -> None:
    table = Table(title="The worst tiles")
    table.add_column("Tile")
    for column in ("Score", "IoU", "Salt", "Predicted"):
        table.add_column(column, justify="right")
    for tile in tiles:
        shares = [f"{share:.1%}" for share in (tile["salt_share"], tile["predicted_share"])]
        table.add_row(Text(printable(tile["id"])), f"{tile['score']:.1f}", f"{tile['iou']:.4f}", *shares)
    Console().print(table)


def _bench(arguments: argparse.Namespace) -> int:
    networks = bench.contenders(_load(arguments.weights))
    with _progress() as progress:
        task = progress.add_task("bench", total=len(networks) * (arguments.repeats + 1))
        timings = bench.measure(
            networks, arguments.tiles, arguments.repeats, advance=lambda count: progress.advance(task, count)
        )
    exact, fast, other = (timing.seconds_per_tile for timing in timings)
    table = Table(
        title=f"101 x 101 pixels, {arguments.tiles} a round, {BATCH} at once, median of {arguments.repeats} rounds"
    )
    table.add_column("Network")
    for column in ("Parameters", "ms per tile", "Tiles per s", "Times as fast"):
        table.add_column(column, justify="right")
    for timing in timings:
        seconds = timing.seconds_per_tile
        table.add_row(
            timing.name,
            f"{timing.parameters:,}",
            f"{1000 * seconds:.2f}",
            f"{1 / seconds:.1f}",
            f"{other / seconds:.1f}",
        )
    Console().print(table)
    print(
        f"Per tile, the shipped network is {other / exact:.1f} times as fast as milesial's at equal "
        f"precision, and {other / fast:.1f} times on its fast path."
    )
    print(f"{bench.processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    raise UsageError("it needs a process of its own; start it with python -m unet demo")  # unet.cli.demo does


def _load(weights: Path | None, fast: bool = False) -> Segmenter:
    try:
        return Segmenter.load(weights, fast)
    except ValueError as error:  # CheckpointError, or weights for another input rule
        raise UsageError(error) from None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be made a folder ({error.strerror})") from None
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{folder}: this folder cannot be written to")


def _check_file(path: Path) -> None:
    """Refuses a file that could not be written, before the work is done and not after."""
    if not path.parent.is_dir():
        raise UsageError(f"{path}: the folder {path.parent} does not exist")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise UsageError(f"{path}: cannot be written")


def _progress() -> Progress:
    """A progress bar on stderr; silent where nobody watches."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _say(sentence: str) -> None:
    """One line on stderr, whatever names are in it."""
    print(printable(sentence), file=sys.stderr)
