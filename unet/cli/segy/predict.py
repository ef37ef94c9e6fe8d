"""``python -m unet segy predict``: the probability of salt in a line or a cube."""

import contextlib
import os
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from tyro.conf import arg

from unet.amplitude import Limits
from unet.checkpoint import CheckpointError
from unet.cli.checks import check_replaceable, check_writable, load_segmenter
from unet.cli.console import progress_bar, say
from unet.cli.options import Flag, UsageError, WeightsFile
from unet.cli.segy.options import Amplitudes, Reading, check_packages, check_scales
from unet.files.atomic import write_atomically
from unet.segmenter import Segmenter, shipped_weights
from unet.seismic.damage import DamagedTrace
from unet.seismic.scales import SCALES, find_scale, middle_section
from unet.seismic.section import Polarity, Scale, SectionSettings
from unet.seismic.segy import SegyError
from unet.seismic.volume import SegyVolume, Volume, VolumeError

if TYPE_CHECKING:
    from unet.seismic.engine import Engine
    from unet.seismic.predict import Request
    from unet.seismic.store import Store

NAMED = 8  # damaged traces that are named on the screen; the file beside the output names all
Scales = Annotated[tuple[float, ...], arg(metavar="A [A ...]", help_behavior_hint="")]


@dataclass(frozen=True, kw_only=True)
class Options(Amplitudes, Reading):
    """Write the probability of salt in a seismic line or cube, as a file that loads on top of it.

    Every header byte of a SEG-Y file is kept. OUT.json says what it was made of, OUT.html is a page to check it
    by. Sections are predicted in blocks: a run that was stopped goes on with --resume, and memory does not grow
    with the survey.
    """

    out: Annotated[Path, arg(metavar="OUT")]
    """The file to write: .sgy with the headers of a SEG-Y file, or .npy; no data are 0, in .npy NaN."""
    zarr: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """Keep the probability as Zarr too, with coordinates, for segy horizon and for Python; no data are NaN."""
    mask: Flag = False
    """Write 1 where the probability is above the threshold and 0 elsewhere, instead of the probability."""
    threshold: Annotated[float | None, arg(metavar="T", help_behavior_hint="")] = None
    """Of --mask and of the page, between 0 and 1 (default: as in the weights' card)."""
    weights: WeightsFile = None
    scale_time: Scales = ()
    """Resize sections along time or depth by A before they meet the network (default: 1); of several A the mean of the
    answers is taken."""
    scale_trace: Scales = ()
    """Resize them from trace to trace by A; segy sweep shows what scales give."""
    scale: Annotated[Literal["auto"] | None, arg(help_behavior_hint="")] = None
    """Let a rule choose both by the middle inline; it can be wrong."""
    polarity: Polarity = "normal"
    """Show sections as they are, black and white exchanged, or both and take the mean."""
    direction: Literal["inline", "crossline", "both"] = "inline"
    """Predict inlines, crosslines, or both and take the mean."""
    tta: Flag = False
    """Average with the mirrored section: a little better, twice the time."""
    workers: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    """Processes to compute in, one thread each (default: one for each core)."""
    scheduler: Annotated[str | None, arg(metavar="HOST:PORT", help_behavior_hint="")] = None
    """Compute on a Dask cluster that runs already; its workers must see the files by the same names."""
    tolerant: Flag = False
    """Take a trace with NaN or infinite samples as missing, and list it, instead of stopping."""
    resume: Flag = False
    """Go on where an earlier run of the same command was stopped."""
    overwrite: Flag = False
    """Replace an output and a store that are there already."""


def run(options: Options) -> int:
    """Writes the output, the store and the page.

    Args:
        options: of the command.

    Returns:
        The exit status: 0, or 1 where something could not be read or was left out.

    Raises:
        UsageError: before anything is written, what the options ask for cannot be done.
        OSError: a file cannot be written.
    """
    _check(options)
    check_packages()
    from unet.seismic.engine import ClusterError
    from unet.seismic.output import OutputError
    from unet.seismic.predict import DamageError
    from unet.seismic.store import StoreError

    try:
        return _run(options)
    except (OutputError, StoreError) as error:
        raise UsageError(error) from None
    except (ClusterError, DamageError, CheckpointError, SegyError, VolumeError) as error:
        say(f"segy predict: {error}")
    except OSError as error:
        if error.filename is None or Path(error.filename).resolve() != options.file.resolve():
            raise
        say(f"segy predict: {options.file}: cannot be read ({error.strerror})")
    return 1


def _run(options: Options) -> int:
    from unet.seismic import output, predict, store

    begin = time.perf_counter()
    volume = options.open()
    output.check_name(volume, options.out)
    if volume.is_line and options.direction != "inline":
        raise UsageError(f"expected --direction inline for a 2-D line, got {options.direction}")
    for note in volume.notes:
        say(f"{volume.path.name}: {note}")
    segmenter = load_segmenter(options.weights)
    settings = _settings(options, segmenter, volume)
    weights = options.weights or shipped_weights()
    request = predict.Request(volume, weights, segmenter, settings, options.direction, options.tolerant)
    place = options.zarr or _temporary_store(options.out)
    done = _is_done(options, request)
    if place.exists() and (options.overwrite or (done and options.zarr is None)):
        store.remove(place)
    if done:
        say(f"{options.out}: was there already, made in the same way")
        return _status(output.read_provenance(options.out) or {})
    with contextlib.ExitStack() as stack:
        engine = _engine(stack, options, volume)
        target = predict.open_store(request, place, options.resume)
        say(_plan(request, target, engine))
        _predict(request, target, engine)
    facts = _write(options, request, target)
    if options.zarr is None:
        store.remove(place)
    say(_describe(options, facts, time.perf_counter() - begin))
    return _status(facts)


def _check(options: Options) -> None:
    """Raises ``UsageError`` for options that do not go together or files that may not be written."""
    options.check()
    if options.threshold is not None and not 0 < options.threshold < 1:
        raise UsageError(f"expected --threshold to be between 0 and 1, got {options.threshold:g}")
    if options.workers is not None and options.workers < 1:
        raise UsageError(f"expected --workers to be a whole number of at least 1, got {options.workers}")
    if options.workers is not None and options.scheduler is not None:
        raise UsageError("expected --workers or --scheduler, got both; leave one out")
    if bool(options.scale_time) != bool(options.scale_trace):
        raise UsageError("expected --scale-time and --scale-trace together, got one of them")
    if options.scale and options.scale_time:
        raise UsageError("expected --scale auto or --scale-time and --scale-trace, got both; leave one out")
    check_scales((*options.scale_time, *options.scale_trace))
    if options.resume and options.overwrite:
        raise UsageError("expected --resume or --overwrite, got both; leave one out")
    check_writable(options.out)
    used = {os.path.realpath(options.file), os.path.realpath(options.weights or shipped_weights())}
    for path in (options.out, options.zarr, _page(options.out)):
        if path is not None and os.path.realpath(path) in used:
            raise UsageError(f"{path}: expected a name of its own, got that of the input or weights; choose another")
    if options.zarr is not None:
        if not options.zarr.parent.is_dir():
            raise UsageError(
                f"{options.zarr}: expected a name in a folder that exists, got {options.zarr.parent}; make it first"
            )
        if os.path.realpath(options.zarr) == os.path.realpath(options.out):
            raise UsageError(f"{options.zarr}: expected another name than that of --out, got the same")
    if not (options.overwrite or options.resume):
        beside = (options.out, _page(options.out), options.out.with_name(options.out.name + ".json"))
        check_replaceable([path for path in beside if path.exists()])


def _settings(options: Options, segmenter: Segmenter, volume: Volume) -> SectionSettings:
    """How sections are shown to the network; says what was chosen."""
    limits = options.limits(volume)
    if options.amplitude_limits is None:
        say(f"{limits.black:.6g} is black and {limits.white:.6g} white, taken from the whole survey")
    scales = tuple(product(options.scale_time, options.scale_trace)) or ((1.0, 1.0),)
    if options.scale == "auto":
        scales = (_chosen_scale(segmenter, volume, limits),)
    elif not options.scale_time:
        say(
            "the scale is 1 x 1, as nothing else was asked for; it decides what is found: look at several with "
            "python -m unet segy sweep, and choose with --scale-time and --scale-trace"
        )
    return SectionSettings(limits, scales, options.polarity, options.tta)


def _chosen_scale(segmenter: Segmenter, volume: Volume, limits: Limits) -> Scale:
    """What the rule chooses; says what it is and how far to trust it."""
    name, section = middle_section(volume)
    with progress_bar() as bar:
        task = bar.add_task("scale", total=len(SCALES))
        try:
            scale, sentence = find_scale(segmenter, section, limits, advance=lambda: bar.advance(task))
        except ValueError as error:
            raise VolumeError(f"{volume.path.name}, {name}: {error}") from None
    say(f"{name}: {sentence}")
    return scale


def _is_done(options: Options, request: "Request") -> bool:
    """Whether the output is there and was made by the same request; refuses to replace any other with ``--resume``."""
    from unet.seismic import output

    if not options.resume or not options.out.exists():
        return False
    found, wanted = output.read_provenance(options.out), _made_of(options, request)
    if found is None or any(found.get(name) != value for name, value in wanted.items()):
        raise UsageError(
            f"{options.out}: expected no file, or one of this very command, got another; choose another name, or pass "
            "--overwrite to begin again"
        )
    return True


def _made_of(options: Options, request: "Request") -> dict[str, Any]:
    """What decides the bytes of the output."""
    return {**request.attributes, "mask": _threshold(options, request) if options.mask else None}


def _threshold(options: Options, request: "Request") -> float:
    return request.segmenter.threshold if options.threshold is None else options.threshold


def _temporary_store(out: Path) -> Path:
    """Where the probability is kept until the output is written."""
    return out.with_name(out.name + ".part.zarr")


def _engine(stack: contextlib.ExitStack, options: Options, volume: Volume) -> "Engine":
    """What the options ask for; no more processes than there are blocks."""
    from unet.seismic import engine
    from unet.seismic.store import block_sizes

    if options.scheduler is not None:
        return stack.enter_context(engine.cluster(options.scheduler))
    count = options.workers or (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    count = min(count, -(-len(volume.inlines) // block_sizes(volume.shape)[0]))
    return stack.enter_context(engine.this_process() if count == 1 else engine.processes(count))


def _plan(request: "Request", store: "Store", engine: "Engine") -> str:
    """What will be done, before it is."""
    from unet.seismic import predict

    inlines, crosslines, samples = request.volume.shape
    size = f"{crosslines:,} traces x {samples:,} samples"
    if not request.volume.is_line:
        blocks = store.blocks("inline")
        size = (
            f"{inlines:,} inlines x {crosslines:,} crosslines x {samples:,} samples, in blocks of "
            f"{blocks[0].sections:,}, {predict.sections_to_do(request, store):,} sections to do"
        )
    return f"{size}; workers: {engine.threads():,}, of about {request.memory / 1e6:,.0f} MB"


def _predict(request: "Request", store: "Store", engine: "Engine") -> None:
    from unet.seismic import predict

    with progress_bar() as bar:
        task = bar.add_task("predict", total=predict.sections_to_do(request, store))
        predict.predict(request, store, engine, lambda count: bar.advance(task, count))


def _write(options: Options, request: "Request", store: "Store") -> dict[str, Any]:
    """Writes the page, the provenance and, last of all, the output, so that it is only there when all is.

    Returns:
        What the provenance says.
    """
    from unet.seismic import output, qc

    volume, threshold = request.volume, _threshold(options, request)
    page = qc.QualityPage(volume, request.settings.limits, threshold)
    with output.opened(volume, options.out, threshold if options.mask else None) as target, progress_bar() as bar:
        task = bar.add_task("write", total=len(volume.inlines))
        for block in store.blocks("inline"):
            values = store.read(block)
            target.add(block, values)
            page.add(block, volume.read(slice(block.start, block.stop)), values)
            bar.advance(task, block.sections)
        facts = {
            **_made_of(options, request),
            "threshold": threshold,
            "salt": page.salt / max(1, page.samples),
            "damaged_traces": [msgspec.to_builtins(trace) for trace in store.damaged()],
            "traces_without_data": page.without_data,
            "bytes_cut_off": _cut_off(volume),
            "notes": list(volume.notes),
        }
        text = page.html(_facts(request, facts), _left_out(facts))
        write_atomically(_page(options.out), text.encode())
        output.write_provenance(options.out, facts)
    return facts


def _page(out: Path) -> Path:
    return out.with_name(out.name + ".html")


def _cut_off(volume: Volume) -> int:
    """Bytes after the last whole trace of a SEG-Y file."""
    if not isinstance(volume, SegyVolume):
        return 0
    return volume.path.stat().st_size - volume.file.start - volume.file.traces * volume.file.stride


def _facts(request: "Request", facts: dict[str, Any]) -> list[tuple[str, str]]:
    """What the page says was done."""
    settings, volume = request.settings, request.volume
    inlines, crosslines, samples = volume.shape
    return [
        ("Size", f"{inlines:,} inlines, {crosslines:,} crosslines, {samples:,} samples"),
        ("Sample interval", f"{volume.interval:g} ms" if volume.interval else "unknown"),
        ("Limits", f"{settings.limits.black:.6g} is black, {settings.limits.white:.6g} white"),
        (
            "Scale, along time and from trace to trace",
            ", ".join(f"{time:g} x {trace:g}" for time, trace in settings.scales),
        ),
        ("Polarity", settings.polarity),
        ("Sections", {"both": "inlines and crosslines"}.get(request.direction, f"{request.direction}s")),
        ("Flip TTA", "yes" if settings.tta else "no"),
        ("Weights", f"{request.weights.name}, sha256 {facts['weights']['sha256'][:12]}..."),
        ("Version", facts["version"]),
        ("Salt", f"{facts['salt']:.2%} of the samples with data, probability above {facts['threshold']:g}"),
    ]


def _left_out(facts: dict[str, Any]) -> list[str]:
    """A sentence for each thing that has no answer."""
    sentences = []
    if damaged := facts["damaged_traces"]:
        traces = [msgspec.convert(trace, DamagedTrace) for trace in damaged]
        more = f" and {len(traces) - NAMED:,} more" if len(traces) > NAMED else ""
        sentences.append(
            f"{len(traces):,} damaged traces with NaN or infinite samples were taken as missing: "
            f"{'; '.join(map(str, traces[:NAMED]))}{more}"
        )
    if facts["traces_without_data"]:
        sentences.append(f"{facts['traces_without_data']:,} traces are missing or dead and have no answer")
    if facts["bytes_cut_off"]:
        sentences.append(f"the last trace is cut off: {facts['bytes_cut_off']:,} bytes at the end of the file")
    return sentences


def _describe(options: Options, facts: dict[str, Any], seconds: float) -> str:
    done = f"{options.out}: {facts['salt']:.2%} salt, in {seconds:.1f} s; look at {_page(options.out)}"
    return "; ".join([done, *_left_out(facts)])


def _status(facts: dict[str, Any]) -> int:
    """Missing and dead traces are as they were recorded; what is damaged is not."""
    return 1 if facts["damaged_traces"] or facts["bytes_cut_off"] else 0
