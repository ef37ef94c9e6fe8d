"""``python -m unet export``: the network as an ONNX file."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from unet.cli.checks import check_replaceable, check_writable, load_segmenter
from unet.cli.console import say
from unet.cli.options import Flag, UsageError, WeightsFile
from unet.files.atomic import write_atomically
from unet.runtime import folded
from unet.segmenter import shipped_weights


@dataclass(frozen=True)
class Options:
    """Write the network as an ONNX file, for ONNX Runtime and other programs.

    Batch norms are folded; batch, height and width are free. What its user must know is in the file: how greys become
    input, the multiple that height and width must be, the temperature and the threshold.
    """

    onnx: Annotated[Path, arg(metavar="FILE")]
    """The file to write."""
    weights: WeightsFile = None
    sites: Flag = False
    """Every feature map is an output too, after the logits; that takes a few per cent longer."""
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
    if not find_spec("onnx"):
        raise UsageError("expected the package onnx, got none; pip install 'salt-unet[fast]'")
    from unet import onnx_graph  # of an extra

    weights = options.weights or shipped_weights()
    check_writable(options.onnx)
    if options.onnx.resolve() in {weights.resolve(), weights.with_suffix(".json").resolve()}:
        raise UsageError(
            f"{options.onnx}: expected a name for the ONNX file, got that of the weights or their card; choose another"
        )
    if not options.overwrite and options.onnx.exists() and not onnx_graph.is_ours(options.onnx):
        check_replaceable([options.onnx])
    segmenter = load_segmenter(weights)
    graph = onnx_graph.graph(folded(segmenter.model), options.sites)
    content = onnx_graph.described(graph, segmenter.model, segmenter.card).SerializeToString()
    write_atomically(options.onnx, content)
    say(
        f"{options.onnx}: {len(content) / 1e6:.1f} MB, opset {onnx_graph.OPSET}; {onnx_graph.INPUT} -> "
        f"{', '.join(output.name for output in graph.graph.output)}"
    )
    return 0
