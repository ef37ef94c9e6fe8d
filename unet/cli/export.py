"""``python -m unet export``: the network as an ONNX file, or images with the explorer as an HTML file."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from unet.cli.checks import check_replaceable, check_writable, load_segmenter
from unet.cli.console import say
from unet.cli.inputs import INPUTS
from unet.cli.options import Flag, OptionalFile, UsageError, WeightsFile
from unet.cli.page import write_page
from unet.files.atomic import write_atomically
from unet.runtime import folded
from unet.segmenter import shipped_weights


@dataclass(frozen=True)
class Options:
    """Write the network as an ONNX file, or images with the explorer as one HTML file.

    The ONNX file is for ONNX Runtime and other programs.  Batch norms are folded; batch, height and width are free.
    What its user must know is in the file: how greys become input, the multiple that height and width must be, the
    temperature and the threshold.

    The HTML file needs no server and no network: mask, maps, every combination of cuts and the random twin of up to 8
    images, at most 3 MB each.  Masks beside the images, or in a folder masks, are their truth.
    """

    inputs: Annotated[
        Positional[tuple[Path, ...]], arg(metavar="[IMAGE ...]", help=f"For --html. {INPUTS}", help_behavior_hint="")
    ] = ()
    onnx: OptionalFile = None
    """The ONNX file to write."""
    html: OptionalFile = None
    """The HTML file to write."""
    weights: WeightsFile = None
    sites: Flag = False
    """For --onnx: every feature map is an output too, after the logits; that takes a few per cent longer."""
    threshold: Annotated[float | None, arg(metavar="T", help_behavior_hint="")] = None
    """For --html: where it starts, between 0 and 1 (default: as in the weights' card)."""
    overwrite: Flag = False
    """Replace a file that is there already and that this did not write."""


def run(options: Options) -> int:
    """Writes the file.

    Args:
        options: of the command.

    Returns:
        The exit status.

    Raises:
        UsageError: before anything is written, what the options ask for cannot be done.
        OSError: the file cannot be written.
    """
    if (options.onnx is None) == (options.html is None):
        got = "neither" if options.onnx is None else "both"
        raise UsageError(f"expected one of --onnx FILE and --html FILE, got {got}")
    if options.html is not None:
        if options.sites:
            raise UsageError("expected --sites with --onnx only, got it with --html")
        return write_page(options.html, options.inputs, options.weights, options.threshold, options.overwrite)
    if options.inputs or options.threshold is not None:
        raise UsageError("expected images and --threshold with --html only, got them with --onnx")
    assert options.onnx is not None
    return _write_onnx(options.onnx, options)


def _write_onnx(file: Path, options: Options) -> int:
    if not find_spec("onnx"):
        raise UsageError("expected the package onnx, got none; pip install 'salt-unet[fast]'")
    from unet import onnx_graph  # of an extra

    weights = options.weights or shipped_weights()
    check_writable(file)
    if file.resolve() in {weights.resolve(), weights.with_suffix(".json").resolve()}:
        raise UsageError(
            f"{file}: expected a name for the ONNX file, got that of the weights or their card; choose another"
        )
    if not options.overwrite and file.exists() and not onnx_graph.is_ours(file):
        check_replaceable([file])
    segmenter = load_segmenter(weights)
    graph = onnx_graph.graph(folded(segmenter.model), options.sites)
    content = onnx_graph.described(graph, segmenter.model, segmenter.card).SerializeToString()
    write_atomically(file, content)
    say(
        f"{file}: {len(content) / 1e6:.1f} MB, opset {onnx_graph.OPSET}; {onnx_graph.INPUT} -> "
        f"{', '.join(output.name for output in graph.graph.output)}"
    )
    return 0
