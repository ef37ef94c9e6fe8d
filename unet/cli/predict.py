"""``python -m unet predict``: a mask for every image."""

import csv
import io
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from unet import prediction
from unet.amplitude import Limits, limits_asked_for
from unet.cli.checks import check_replaceable, check_writable, load_segmenter, make_folder
from unet.cli.console import progress_bar, say
from unet.cli.inputs import INPUTS, FoundImages, find_inputs
from unet.cli.options import Flag, OptionalFile, UsageError, WeightsFile
from unet.files.amplitudes import common_limits
from unet.files.atomic import write_atomically
from unet.files.listing import ImageFile


@dataclass(frozen=True)
class Options:
    """Write a mask for every image, of its size: DIR/<stem>.png, 8-bit, 255 = salt.

    An image that cannot be read is named on stderr, the others are still done, and the exit status is 1.
    """

    inputs: Annotated[
        Positional[tuple[Path, ...]], arg(metavar="INPUT [INPUT ...]", help=INPUTS, help_behavior_hint="")
    ]
    out: Annotated[Path, arg(metavar="DIR")]
    """The folder for the masks."""
    weights: WeightsFile = None
    threshold: Annotated[float | None, arg(metavar="T", help_behavior_hint="")] = None
    """Salt is where the probability is above T, between 0 and 1 (default: as in the weights' card)."""
    tta: Flag = False
    """Average with the mirrored image: a little better, twice the time."""
    fast: Flag = False
    """Compute in bfloat16 where the processor does, which is faster; probabilities change a little."""
    amplitude_limits: Annotated[tuple[float, float] | None, arg(metavar="LOW HIGH", help_behavior_hint="")] = None
    """The numbers that become black and white, for amplitudes and for images that do not use the range of their type;
    HIGH before LOW reverses the polarity."""
    clip_percentile: Annotated[float | None, arg(metavar="P", help_behavior_hint="")] = None
    """Limits that leave out P per cent of the samples at each end, for example 0.5, taken over all inputs together."""
    probability: Flag = False
    """Also write the probability of salt: DIR/<stem>.npy, float32."""
    csv: OptionalFile = None
    """Also write all masks as a Kaggle submission (id,rle_mask)."""
    skip_existing: Flag = False
    """Leave out images whose files are already in DIR, to go on after an interruption; those that were made of another
    image or in another way are made again."""
    overwrite: Flag = False
    """Replace files that are there already and that this did not write."""


def run(options: Options) -> int:
    """Writes the masks.

    Args:
        options: of the command.

    Returns:
        The exit status.

    Raises:
        UsageError, ClashError: before anything is written, what the options ask for cannot be done.
        OSError: a file cannot be written.
    """
    begin = time.perf_counter()
    if options.threshold is not None and not 0 < options.threshold < 1:
        raise UsageError(f"expected --threshold to be between 0 and 1, got {options.threshold:g}")
    try:
        asked_for = limits_asked_for(options.amplitude_limits, options.clip_percentile)
    except ValueError as error:
        raise UsageError(error) from None
    found = _find_images(options.inputs)
    jobs = prediction.plan(found.images, options.out, options.probability)
    segmenter = load_segmenter(options.weights, options.fast)
    make_folder(options.out)
    _check_outputs(options, found.images, jobs)
    for problem in found.problems:
        say(problem)

    threshold = segmenter.threshold if options.threshold is None else options.threshold
    limits = _choose_limits(asked_for, found.images)
    with progress_bar() as bar:
        task = bar.add_task("predict", total=len(jobs))
        summary = prediction.predict(
            jobs,
            prediction.PredictionSettings(segmenter, threshold, options.tta, limits),
            report=lambda sentence: bar.console.out(sentence, highlight=False),
            advance=lambda count: bar.advance(task, count),
            skip_existing=options.skip_existing,
            encode=options.csv is not None,
        )
    if options.csv is not None:
        _write_submission(options.csv, summary.runs)
    for note, names in summary.notes.items():
        say(f"{names[0]}: {note}" if len(names) == 1 else f"{len(names):,} images, first {names[0]}: {note}")
    say(_describe(summary, found, time.perf_counter() - begin))
    return 1 if summary.failed or found.problems or found.left_out else 0


def _find_images(inputs: Sequence[Path]) -> FoundImages:
    """The images of all inputs whose names can be those of new files; says which files are left out."""
    found = find_inputs(inputs)
    if masks := [mask.name for mask in found.masks if mask]:
        say(f"{len(masks):,} masks beside their images, first {masks[0]}, were left out")
    faults = [prediction.stem_problem(image.stem) for image in found.images]
    named = zip(found.images, faults, strict=True)
    found.problems += [f"{image.name}: {fault}" for image, fault in named if fault]
    found.images = [image for image, fault in zip(found.images, faults, strict=True) if not fault]
    return found


def _choose_limits(asked_for: Limits | float | None, images: Sequence[ImageFile]) -> Limits | None:
    """The limits that the options ask for; says those that it takes from the images."""
    if asked_for is None or isinstance(asked_for, Limits):
        return asked_for
    try:
        limits = common_limits(images, asked_for)
    except ValueError as error:
        raise UsageError(f"--clip-percentile: {error}") from None
    say(
        f"{limits.black:.6g} is black and {limits.white:.6g} white, {asked_for:g} % of the samples lie "
        f"beyond each; for other images of this survey --amplitude-limits {limits.black:.6g} {limits.white:.6g}"
    )
    return limits


def _check_outputs(options: Options, images: Sequence[ImageFile], jobs: Sequence[prediction.PredictionJob]) -> None:
    """Refuses a CSV file in the place of an image or a mask, and to replace what this program did not write."""
    if options.csv is not None:
        check_writable(options.csv)
        used = {*options.inputs, *(image.path for image in images if image.path)}
        used.update(path for job in jobs for path in job.outputs)
        if os.path.realpath(options.csv) in map(os.path.realpath, used):
            raise UsageError(
                f"{options.csv}: expected a name for the CSV file, got that of an image or a mask; choose another"
            )
    if not options.overwrite:
        foreign = prediction.foreign_files(jobs, options.skip_existing, options.csv is not None)
        if (
            options.csv is not None
            and options.csv.exists()
            and not prediction.is_submission_of(options.csv, options.out)
        ):
            foreign.append(options.csv)
        check_replaceable(foreign)


def _write_submission(path: Path, runs: dict[str, str]) -> None:
    rows = csv.writer(text := io.StringIO(newline=""), lineterminator="\n")
    rows.writerows([("id", "rle_mask"), *sorted(runs.items())])
    write_atomically(path, text.getvalue().encode())


def _describe(summary: prediction.PredictionSummary, found: FoundImages, seconds: float) -> str:
    counts = {
        "were there already": summary.skipped,
        "were there, but made of something else or in another way": summary.stale,
        "could not be done": summary.failed + len(found.problems),
        "files were left out": found.left_out,
    }
    sentence = (
        f"{summary.done:,} images in {seconds:.1f} s, {summary.network_seconds / seconds:.0%} of it in the network"
    )
    return "; ".join([sentence, *(f"{count:,} {what}" for what, count in counts.items() if count)])
