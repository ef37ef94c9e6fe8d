"""``python -m unet segy horizon``: the top of salt of every trace, and the bodies of salt."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from tyro.conf import Positional, arg

from unet.cli.checks import check_replaceable, check_writable
from unet.cli.console import progress_bar, say
from unet.cli.options import Count, Flag, OptionalFile, UsageError
from unet.cli.segy.options import check_packages
from unet.files.atomic import replacing, write_atomically

if TYPE_CHECKING:
    from unet.seismic.grid import RegularGrid
    from unet.seismic.horizon import Horizon
    from unet.seismic.store import Store
    from unet.seismic.volume import Cube

Percentiles = Annotated[tuple[float, ...], arg(metavar="P [P ...]")]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Find the top of salt with its interval in what segy predict --zarr wrote, and the bodies of salt.

    OUT has a line for every trace; OUT.bodies.csv, without the .csv of OUT, one for every body.
    """

    store: Annotated[Positional[Path], arg(metavar="DIR")]
    """The probability as Zarr."""
    out: Annotated[Path, arg(metavar="OUT.csv")]
    """The table to write."""
    irap: OptionalFile = None
    """Write grids in Irap classic too, one for each percentile: FILE with _p10 before its suffix, and so on."""
    cps3: OptionalFile = None
    """Write grids in CPS-3 too, named in the same way; the survey must lie along x and y."""
    map: OptionalFile = None
    """Draw the top and its interval, a PNG: maps of a cube, a profile of a line."""
    percentiles: Percentiles = (10.0, 50.0, 90.0)
    """Where the probability that the top lies there or above is P per cent, from shallow to deep."""
    smallest: Count = 100
    """Leave out bodies of fewer than N samples."""
    threshold: Annotated[float, arg(metavar="T")] = 0.5
    """Of the bodies in OUT.bodies.csv: salt where the probability is above T, between 0 and 1."""
    temperature: Annotated[float | None, arg(metavar="T", help_behavior_hint="")] = None
    """Of the top, above 0: the larger, the wider is the interval (default: as measured for the weights that predicted;
    experiments/horizon.py measures it for others)."""
    overwrite: Flag = False
    """Replace files that are there already."""


def run(options: Options) -> int:
    """Writes the files and returns the exit status 0.

    Raises:
        UsageError: before anything is written, what the options ask for cannot be done.
        OSError: a file cannot be written.
    """
    _check(options)
    check_packages()
    from unet.seismic import grid, horizon, horizon_map, horizon_table, store

    if not options.store.is_dir():
        raise UsageError(f"{options.store}: expected predictions in Zarr, got no folder; run segy predict --zarr first")
    try:
        source = store.Store(options.store)
        _check_finished(source)
        regular = grid.find_grid(source.coordinates) if options.irap or options.cps3 else None
        if options.cps3 and regular is not None:
            grid.quarter_turns(regular)
    except (store.StoreError, grid.GridError) as error:
        raise UsageError(error) from None
    temperature = _temperature(source) if options.temperature is None else options.temperature
    found = _find(options, source, temperature)
    horizon_table.write_tops(options.out, source, found)
    horizon_table.write_bodies(_bodies(options.out), source, found, options.smallest)
    if regular is not None:
        _write_grids(options, source, found, regular)
    if options.map:
        with replacing(options.map) as file:
            horizon_map.draw_map(source, found).save(file, "PNG")
    say(_describe(options, found))
    say(horizon.MEANING)
    return 0


def _check(options: Options) -> None:
    """Raises ``UsageError`` for values out of range or files that may not be written."""
    percentiles = options.percentiles
    if not percentiles or len(set(percentiles)) < len(percentiles) or not all(0.1 <= p <= 99.9 for p in percentiles):
        given = " ".join(f"{p:g}" for p in percentiles)
        raise UsageError(f"expected --percentiles from 0.1 to 99.9, each once, got {given or 'none'}")
    if options.smallest < 1:
        raise UsageError(f"expected --smallest to be a whole number of at least 1, got {options.smallest}")
    if not 0 < options.threshold < 1:
        raise UsageError(f"expected --threshold to be between 0 and 1, got {options.threshold:g}")
    if options.temperature is not None and not 0 < options.temperature <= 20:
        raise UsageError(f"expected --temperature above 0 and up to 20, got {options.temperature:g}")
    files = _files(options)
    if len(set(files)) < len(files):
        raise UsageError("expected another name for each file that is written, got one twice")
    for file in files:
        check_writable(file)
    if not options.overwrite:
        check_replaceable([file for file in files if file.exists()])


def _files(options: Options) -> list[Path]:
    """All that will be written."""
    grids = [
        _of(file, percentile) for file in (options.irap, options.cps3) if file for percentile in options.percentiles
    ]
    return [options.out, _bodies(options.out), *grids, *([options.map] if options.map else [])]


def _bodies(out: Path) -> Path:
    return out.with_name(f"{out.stem if out.suffix.lower() == '.csv' else out.name}.bodies.csv")


def _of(file: Path, percentile: float) -> Path:
    return file.with_name(f"{file.stem}_p{percentile:g}{file.suffix}")


def _check_finished(source: "Store") -> None:
    left, every = len(source.unfinished("inline")), len(source.blocks("inline"))
    if left:
        raise UsageError(
            f"{source.path}: expected a finished prediction, got one with {left:,} of {every:,} blocks to do; go "
            "on with segy predict --resume"
        )


def _find(options: Options, source: "Store", temperature: float) -> "Horizon":
    from unet.seismic.horizon import find_horizon

    every = source.blocks("inline")
    with progress_bar() as bar:
        task = bar.add_task("horizon", total=2 * len(every))

        def blocks() -> Iterator["Cube"]:
            for block in every:
                yield source.read(block)
                bar.advance(task)

        return find_horizon(blocks, options.percentiles, options.smallest, options.threshold, temperature)


def _temperature(source: "Store") -> float:
    """What was measured for the weights of a store; says so where nothing was."""
    from unet.seismic.horizon import MEASURED, TEMPERATURE

    weights = source.attributes.get("weights", {})
    if weights.get("sha256") in MEASURED:
        return MEASURED[weights["sha256"]]
    say(
        f"{source.path}: the interval of the top was not measured for the weights {weights.get('name', 'of it')}, "
        f"temperature {TEMPERATURE:g} is taken; experiments/horizon.py measures it, and --temperature sets it"
    )
    return TEMPERATURE


def _write_grids(options: Options, source: "Store", found: "Horizon", regular: "RegularGrid") -> None:
    from unet.seismic import grid, horizon_table

    formats: list[tuple[Path | None, Callable[[np.ndarray, str], str]]] = [
        (options.irap, lambda values, name: grid.irap_classic(regular, values)),
        (options.cps3, lambda values, name: grid.cps3(regular, values, name)),
    ]
    for percentile, samples in zip(found.percentiles, found.tops, strict=True):
        values, name = horizon_table.depths(source, samples), f"top of salt P{percentile:g}"
        for file, text in formats:
            if file is not None:
                write_atomically(_of(file, percentile), text(values, name).encode())


def _describe(options: Options, found: "Horizon") -> str:
    """What was found, in one sentence."""
    from unet.seismic.horizon import NONE

    tops = [(p, np.count_nonzero(values != NONE)) for p, values in zip(found.percentiles, found.tops, strict=True)]
    shares = ", ".join(f"P{percentile:g} in {count:,}" for percentile, count in tops)
    bodies, count = found.bodies, len(found.bodies.voxels)
    largest = f", the largest of {bodies.voxels[0]:,} samples" if count else ""
    return (
        f"{options.out}: of {np.count_nonzero(found.known):,} traces with data, {shares}; {count:,} "
        f"{'body' if count == 1 else 'bodies'} above {bodies.threshold:g}{largest}, in {_bodies(options.out)}"
    )
