"""``python -m unet segy info``: what was read of a line or a cube, and what looks wrong with it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from unet.cli.console import say
from unet.cli.options import Flag, UsageError
from unet.cli.segy.options import Reading
from unet.files.printable import printable, reason
from unet.seismic import survey_info
from unet.seismic.segy import SegyError
from unet.seismic.survey_info import Amplitudes, Axis, SurveyInfo
from unet.seismic.volume import SegyVolume, VolumeError

WIDTH, MARGIN = 20, 12  # of the names of facts, and of the numbers beside the map


@dataclass(frozen=True)
class Options(Reading):
    """Say what was read of a seismic line or cube, and what looks wrong with it.

    The geometry is that of all traces. Amplitudes are of a sample, always the same one.
    """

    text: Flag = False
    """Print the textual header of a SEG-Y file instead."""
    json: Flag = False
    """Print JSON instead."""


def run(options: Options) -> int:
    """Prints it.

    Args:
        options: of the command.

    Returns:
        The exit status: 0, or 1 where the file cannot be read.

    Raises:
        UsageError: there is no such file, or the options do not fit it.
    """
    if options.text and options.json:
        raise UsageError("expected --text or --json, got both; leave one out")
    try:
        volume = options.open()
        if options.text:
            if not isinstance(volume, SegyVolume):
                raise UsageError(f"{volume.path.name}: expected a SEG-Y file for --text, got an array; leave it out")
            print(volume.file.text() or "the textual header is empty, or no text")
            return 0
        info = survey_info.survey_info(volume)
    except (SegyError, VolumeError) as error:
        say(f"segy info: {error}")
        return 1
    except OSError as error:
        say(f"segy info: {options.file}: expected a file that can be read, got {reason(error)}")
        return 1
    if options.json:
        print(json.dumps(msgspec.to_builtins(info), indent=2, allow_nan=False))
        return 0
    print(printable(info.name))
    for name, fact in _facts(info):
        print(f"  {name:{WIDTH}}{printable(fact)}")
    _print_list("notes", info.notes)
    _print_list("looks wrong", info.doubts or ["nothing"])
    _print_map(info)
    return 0


def _facts(info: SurveyInfo) -> Iterator[tuple[str, str]]:
    yield "kind", info.kind
    interval = f"{info.interval:g} ms (or the unit of depth)" if info.interval else "an unknown interval"
    length = f", {info.interval * (info.samples - 1):,g} in all" if info.interval else ""
    yield "samples", f"{info.samples:,} at {interval}{length}"
    yield "traces", f"{info.traces:,}, {info.sorting}"
    for number, (name, axis) in enumerate((("inlines", info.inlines), ("crosslines", info.crosslines))):
        place = f" (bytes {info.bytes[number]} to {info.bytes[number] + 3})" if info.bytes else ""
        yield name, f"{_axis(axis)}{place}"
    if info.coordinates:
        west, east, south, north = info.coordinates
        yield "easting", f"{west:,.2f} to {east:,.2f}"
        yield "northing", f"{south:,.2f} to {north:,.2f}"
    if info.spacing:
        inlines, crosslines = (f"{one:,.2f}" if one else "one line" for one in info.spacing)
        yield "spacing", f"inlines {inlines}, crosslines {crosslines}"
    if info.amplitudes:
        yield from _amplitudes(info.amplitudes, info.interval)


def _axis(axis: Axis) -> str:
    steps = f"in steps of {axis.step}" if axis.step else "in uneven steps"
    return f"{axis.count:,}, from {axis.first} to {axis.last} {steps}" if axis.count > 1 else f"1, number {axis.first}"


def _amplitudes(found: Amplitudes, interval: float) -> Iterator[tuple[str, str]]:
    yield "sample of traces", f"{found.traces:,}, of which {found.dead:,} are dead"
    yield "no data", f"{100 * found.empty:.3g} % of the others, {found.not_finite:,} samples NaN or infinite"
    yield "amplitudes", f"{found.lowest:.6g} to {found.highest:.6g}, mean {found.mean:.4g}, rms {found.rms:.4g}"
    pairs = zip(survey_info.PERCENTILES, found.percentiles, strict=True)
    yield "percentiles", ", ".join(f"{percent:g} %: {value:.4g}" for percent, value in pairs)
    yield "at the extremes", f"{100 * found.at_lowest:.2g} % lowest, {100 * found.at_highest:.2g} % highest"
    if found.frequency and found.band:
        period = f"a period of {1 / found.frequency:.1f} samples"
        if interval:
            strongest, low, high = (1000 * one / interval for one in (found.frequency, *found.band))
            yield "frequency", f"{strongest:.1f} Hz dominant, {low:.1f} to {high:.1f} Hz within 10 dB; {period}"
        else:
            yield "frequency", f"{period} dominant"


def _print_list(title: str, sentences: tuple[str, ...] | list[str]) -> None:
    for number, sentence in enumerate(sentences):
        print(f"  {title if number == 0 else '':{WIDTH}}{printable(sentence)}")


def _print_map(info: SurveyInfo) -> None:
    live, gaps, dead, nothing = survey_info.LIVE, survey_info.GAPS, survey_info.DEAD, survey_info.NOTHING
    print(f"  map: inlines down, crosslines along; {live} live, {gaps} with gaps, {dead} dead, {nothing} no trace")
    first, last = str(info.crosslines.first), str(info.crosslines.last)
    width = len(next(iter(info.map.values()))) - len(first)
    print(f"{'':{MARGIN}} {first}{last:>{width}}" if width > len(last) else f"{'':{MARGIN}} {first} to {last}")
    for inline, line in info.map.items():
        print(f"{inline:{MARGIN}} {line}")
