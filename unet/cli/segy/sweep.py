"""``python -m unet segy sweep``: what the network says of one section at many scales, to choose one from."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated

import numpy as np
from tyro.conf import arg

from unet.cli.checks import check_replaceable, load_segmenter, make_folder
from unet.cli.console import progress_bar, say
from unet.cli.options import Flag, UsageError, WeightsFile
from unet.cli.segy.options import Amplitudes, Reading, check_packages, check_scales
from unet.files.atomic import write_atomically
from unet.image import from_amplitude
from unet.render import Pixels
from unet.segmenter import Segmenter
from unet.seismic.fill import Section, no_data
from unet.seismic.scales import TIME, TRACE, Answer, best, explained, middle_section, sweep, written
from unet.seismic.section import Polarity, SectionSettings, resize
from unet.seismic.segy import SegyError
from unet.seismic.sheet import Picture, png, sheet, thumbnail_size, tinted
from unet.seismic.volume import Volume, VolumeError

Line = Annotated[int | None, arg(metavar="N", help_behavior_hint="")]
Factors = Annotated[tuple[float, ...], arg(metavar="A [A ...]")]

COLUMNS = (
    "scale_time",
    "scale_trace",
    "salt",
    "above_0.1",
    "above_0.5",
    "mean_probability",
    "decisiveness",
    "period_time",
    "period_trace",
    "auto",
)


@dataclass(frozen=True, kw_only=True)
class Options(Amplitudes, Reading):
    """Draw one section with the probability of salt at many scales on one sheet, and write their numbers.

    The scale decides what is found. Take one where a body you know is found and nothing else is, and pass it to segy
    predict as --scale-time and --scale-trace.
    """

    out: Annotated[Path, arg(metavar="DIR")]
    """The folder for NAME-inline-N.png and .csv, or -crossline-N or -line."""
    inline: Line = None
    """The inline to look at, by its number (default: the middle one)."""
    crossline: Line = None
    """Look at a crossline instead."""
    scale_time: Factors = TIME
    """Resize the section along time or depth by each A."""
    scale_trace: Factors = TRACE
    """Resize it from trace to trace by each A."""
    polarity: Polarity = "normal"
    """Show it as it is, black and white exchanged, or both and take the mean."""
    tta: Flag = False
    """Average with the mirrored section, at twice the time."""
    weights: WeightsFile = None
    overwrite: Flag = False
    """Replace a sheet and numbers that are there already."""


def run(options: Options) -> int:
    """Writes the sheet and the numbers.

    Args:
        options: of the command.

    Returns:
        The exit status: 0, or 1 where the file cannot be read.

    Raises:
        UsageError: before anything is written, what the options ask for cannot be done.
        OSError: a file cannot be written.
    """
    options.check()
    check_scales((*options.scale_time, *options.scale_trace))
    if not (options.scale_time and options.scale_trace):
        raise UsageError("expected at least one scale each for --scale-time and --scale-trace, got none")
    if options.inline is not None and options.crossline is not None:
        raise UsageError("expected --inline or --crossline, got both; leave one out")
    check_packages()
    segmenter = load_segmenter(options.weights)
    try:
        volume = options.open()
        for note in volume.notes:
            say(f"{volume.path.name}: {note}")
        name, section = _section(options, volume)
        if no_data(section).all():
            raise UsageError(f"expected a section with amplitudes, got none that were recorded in {name}; take another")
        settings = SectionSettings(options.limits(volume), polarity=options.polarity, tta=options.tta)
    except (SegyError, VolumeError) as error:
        say(f"segy sweep: {error}")
        return 1
    stem = options.out / f"{volume.path.stem}-{name.replace(' ', '-')}"
    paths = [stem.with_name(stem.name + suffix) for suffix in (".png", ".csv")]
    make_folder(options.out)
    if not options.overwrite:
        check_replaceable([path for path in paths if path.exists()])

    answers, pictures = _look(options, segmenter, section, settings)
    chosen = best(answers)
    limits, network = settings.limits, segmenter.card.name or "the weights"
    title = [
        f"{volume.path.name}, {name}: the probability of salt by {network} at scales, time x trace; outlined where "
        f"it is above {segmenter.threshold:g}, white where there are no data",
        f"{limits.black:.6g} is black, {limits.white:.6g} white; framed: what --scale auto would take of these, "
        "which may be wrong",
    ]
    columns = len(options.scale_trace)
    drawn = [
        Picture(picture, f"{written(answer.scale)}   salt {answer.salt:.1%}", answer is chosen)
        for picture, answer in zip(pictures, answers, strict=True)
    ]
    rows = [drawn[start : start + columns] for start in range(0, len(drawn), columns)]
    write_atomically(paths[0], png(sheet(title, rows)))
    write_atomically(paths[1], _table(answers, chosen))
    say(f"by the rule of --scale auto {explained(answers)[1]}")
    say(f"look at {paths[0]}; its numbers are in {paths[1].name}")
    return 0


def _section(options: Options, volume: Volume) -> tuple[str, Section]:
    """The section that is asked for, (samples, traces), and its name."""
    for along, number, numbers in (
        ("inline", options.inline, volume.inlines),
        ("crossline", options.crossline, volume.crosslines),
    ):
        if number is None:
            continue
        found = np.flatnonzero(numbers == number)
        if not len(found):
            raise UsageError(
                f"expected --{along} with one of the {len(numbers):,} from {numbers[0]} to {numbers[-1]} of "
                f"{volume.path.name}, got {number}"
            )
        if along == "crossline" and volume.is_line:
            raise UsageError(f"expected --inline or nothing for a 2-D line, got --crossline {number}")
        part = slice(int(found[0]), int(found[0]) + 1)
        cube = volume.read(part) if along == "inline" else volume.read(slice(None), part)
        return f"{along} {number}", cube.reshape(-1, volume.samples).T
    return middle_section(volume)


def _look(
    options: Options, segmenter: Segmenter, section: Section, settings: SectionSettings
) -> tuple[list[Answer], list[Pixels]]:
    """The numbers and a small picture of the answer at every scale."""
    size = thumbnail_size(*section.shape)
    missing = no_data(section)
    grey = resize(from_amplitude(np.where(missing, settings.limits.black, section), *settings.limits), *size)
    without = resize(missing.astype(np.float32), *size) > 0.5
    answers, pictures = [], []
    with progress_bar() as bar:
        scales = list(product(options.scale_time, options.scale_trace))
        for answer, probability in bar.track(
            sweep(segmenter, section, settings, scales), total=len(scales), description="sweep"
        ):
            small = np.where(without, np.float32(np.nan), resize(np.nan_to_num(probability), *size))
            answers.append(answer)
            pictures.append(tinted(grey, small, segmenter.threshold))
    return answers, pictures


def _table(answers: Sequence[Answer], chosen: Answer | None) -> bytes:
    """The numbers as CSV, shares of the samples with data."""
    rows = csv.writer(text := io.StringIO(newline=""), lineterminator="\n")
    rows.writerow(COLUMNS)
    for answer in answers:
        shares = answer.salt, answer.possible, answer.probable, answer.mean, answer.decisiveness
        rows.writerow(
            [
                *(f"{factor:g}" for factor in answer.scale),
                *(f"{share:.5f}" for share in shares),
                *(f"{period:.1f}" for period in answer.periods),
                "yes" if answer is chosen else "no",
            ]
        )
    return text.getvalue().encode()
