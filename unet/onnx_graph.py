"""The network as an ONNX graph, the format that ONNX Runtime and many other programs compute.

``UNet.forward`` itself is recorded while it computes a small image: each function of PyTorch that it calls becomes one
node, so the network is described in one place.  ``torch.onnx.export`` gives the same nodes, but takes seconds, too long
for the start of every command.  Needs the extra ``fast``.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from unet.card import Card
from unet.model import UNet

PROGRAM = "salt-unet"
INPUT, OUTPUT = "image", "logits"
OPSET, IR_VERSION = 17, 8  # of 2022: whatever reads ONNX today reads these


class UnknownFunctionError(ValueError):
    """The network calls a function of PyTorch that has no translation here; the message names it."""


def graph(model: UNet, sites: bool = False) -> onnx.ModelProto:
    """The graph of a network in eval mode.

    Args:
        model: on any device; batch norms that are not folded become nodes.
        sites: every site of ``UNet.sites()`` is an output after the logits.  That costs a few per cent even where
            nobody asks for them.

    Returns:
        ``image`` (batch, 1, height, width) float32 -> ``logits`` of that size, and the sites at 1/stride of it.  Batch,
        height and width are free; height and width must be multiples of ``model.config.stride``.

    Raises:
        UnknownFunctionError: a block calls a function that is not translated yet.
    """
    stride = model.config.stride
    image = torch.zeros(1, 1, stride, stride, device=next(model.parameters()).device)
    recorder = _Recorder(model, image)

    def tap(name: str, tensor: Tensor) -> Tensor:
        if sites or not name.startswith("skip"):  # a skip is its encoder's output once more
            recorder.name_value(name, tensor)
        return tensor

    with torch.inference_mode(), recorder:
        model(image, tap)
    outputs = [_value(OUTPUT, 1, 1)]
    outputs += [_value(s.name, s.channels, s.stride) for s in model.sites() if sites and s.name != OUTPUT]
    return helper.make_model(
        helper.make_graph(recorder.nodes, "U-Net", [_value(INPUT, 1, 1)], outputs, list(recorder.weights.values())),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name=PROGRAM,
    )


def described(graph: onnx.ModelProto, model: UNet, card: Card) -> onnx.ModelProto:
    """The graph itself, with what its user must know of the weights as metadata.

    Args:
        graph: of ``model``.
        model: the network.
        card: of its weights.

    Returns:
        The graph with a text for a reader and these keys, all but ``sha256`` and ``name`` as JSON: ``input``, the rule
        by which greys become input; ``stride``; ``temperature``, by which logits are divided before the sigmoid;
        ``threshold``; ``sites``, as pairs of channels and stride.
    """
    stride = model.config.stride
    graph.doc_string = (
        f"{INPUT}: (batch, 1, height, width) float32, grey values (0 to 1) normalised by the rule in `input`; height "
        f"and width are multiples of {stride}, reached by reflection at the edges. "
        f"Probability of salt: sigmoid({OUTPUT} / temperature); salt is where it is above the threshold."
    )
    metadata = {
        "name": card.name,
        "sha256": card.sha256,
        "input": json.dumps(card.input),
        "stride": json.dumps(stride),
        "temperature": json.dumps(card.temperature),
        "threshold": json.dumps(card.threshold),
        "sites": json.dumps({site.name: (site.channels, site.stride) for site in model.sites()}),
    }
    helper.set_model_props(graph, metadata)
    return graph


def is_ours(path: Path) -> bool:
    """Whether a file is a graph that this program wrote."""
    try:
        written: str = onnx.load_model(path, format="protobuf", load_external_data=False).producer_name
    except (OSError, DecodeError):
        return False
    return written == PROGRAM


def _value(name: str, channels: int, stride: int) -> onnx.ValueInfoProto:
    height, width = (side if stride == 1 else f"{side} / {stride}" for side in ("height", "width"))
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", channels, height, width])


class _Node(NamedTuple):
    """A node before its values have names: tensors are weights or computed, arrays are constants, None is left out."""

    kind: str
    inputs: Sequence[Tensor | NDArray[Any] | None]
    attributes: dict[str, Any] = {}


class _Recorder(TorchFunctionMode):
    """Writes down every function of PyTorch that this thread calls on tensors.

    Attributes:
        nodes: in the order of the calls.
        weights: name -> the weights and constants that they use.
    """

    def __init__(self, model: UNet, image: Tensor) -> None:
        super().__init__()
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, onnx.TensorProto] = {}
        self._parameters = {id(tensor): name for name, tensor in model.state_dict(keep_vars=True).items()}
        self._names = {id(image): INPUT}  # of values, by the id of their tensor
        self._alive: list[Tensor] = []  # an id belongs to one tensor for as long as that lives

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not isinstance(result, Tensor):  # a shape
            return result
        if func is Tensor.float:  # it is float32 already
            self._names[id(result)] = self._names[id(args[0])]
        elif func in _TRANSLATIONS:
            self._add(_TRANSLATIONS[func](*args, **(kwargs or {})), result)
        else:
            raise UnknownFunctionError(
                f"expected a network of the functions that unet.onnx_graph translates, got {func!r}; add it there"
            )
        self._alive.append(result)
        return result

    def name_value(self, name: str, tensor: Tensor) -> None:
        """Gives what was just computed a name; a second name is a node of its own."""
        last = self.nodes[-1]
        if self._names[id(tensor)] == last.output[0] == last.name:
            last.output[0] = name
            self._names[id(tensor)] = name
        else:
            self.nodes.append(helper.make_node("Identity", [self._names[id(tensor)]], [name], name))

    def _add(self, node: _Node, result: Tensor) -> None:
        name = f"{node.kind}{len(self.nodes)}"
        inputs = [self._input(value, f"{name}.{index}") for index, value in enumerate(node.inputs)]
        self.nodes.append(helper.make_node(node.kind, inputs, [name], name, **node.attributes))
        self._names[id(result)] = name  # an operation in place gives its tensor a new one

    def _input(self, value: Tensor | NDArray[Any] | None, constant: str) -> str:
        if value is None:
            return ""
        if isinstance(value, Tensor):
            if id(value) in self._names:
                return self._names[id(value)]
            name, array = self._parameters[id(value)], value.detach().cpu().contiguous().numpy()
        else:
            name, array = constant, value
        if name not in self.weights:
            self.weights[name] = numpy_helper.from_array(array, name)
        return name


# Each takes what PyTorch's function takes.


def _convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> _Node:
    attributes = {"strides": stride, "pads": [*padding, *padding], "dilations": dilation, "group": groups}
    return _Node("Conv", [x, weight] if bias is None else [x, weight, bias], attributes)


def _transposed(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> _Node:
    attributes = {"strides": stride, "pads": [*padding, *padding], "output_padding": output_padding}
    return _Node("ConvTranspose", [x, weight, bias], {**attributes, "dilations": dilation, "group": groups})


def _batch_norm(
    x: Tensor, mean: Tensor, variance: Tensor, weight: Tensor, bias: Tensor, training: bool, momentum: float, eps: float
) -> _Node:
    assert not training, "a network in eval mode"
    return _Node("BatchNormalization", [x, weight, bias, mean, variance], {"epsilon": eps})


def _relu(x: Tensor, inplace: bool) -> _Node:
    return _Node("Relu", [x])


def _clip(x: Tensor, min_val: float = 0.0, max_val: float = 6.0, inplace: bool = False) -> _Node:
    return _Node("Clip", [x, np.array(min_val, np.float32), np.array(max_val, np.float32)])


def _max_pool(x: Tensor, kernel_size: int, stride: int, **unused: Any) -> _Node:
    return _Node("MaxPool", [x], {"kernel_shape": [kernel_size] * 2, "strides": [stride] * 2})


def _upsample(x: Tensor, scale_factor: float, mode: str, **unused: Any) -> _Node:
    assert mode == "bilinear"
    scales = np.array([1, 1, scale_factor, scale_factor], np.float32)
    attributes = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return _Node("Resize", [x, None, scales], attributes)


def _pad(x: Tensor, pad: Sequence[int], mode: str, value: float) -> _Node:
    left, right, top, bottom = pad
    assert (mode, value) == ("constant", 0)
    return _Node("Pad", [x, np.array([0, 0, top, left, 0, 0, bottom, right], np.int64)])


def _cat(tensors: Sequence[Tensor], dim: int) -> _Node:
    return _Node("Concat", list(tensors), {"axis": dim})


def _add(x: Tensor, y: Tensor) -> _Node:
    return _Node("Add", [x, y])


_TRANSLATIONS: dict[Callable[..., Any], Callable[..., _Node]] = {
    functional.conv2d: _convolution,
    functional.conv_transpose2d: _transposed,
    functional.batch_norm: _batch_norm,
    functional.relu: _relu,
    functional.relu6: _clip,
    functional.hardtanh: _clip,
    functional.max_pool2d: _max_pool,
    functional.interpolate: _upsample,
    functional.pad: _pad,
    torch.cat: _cat,
    Tensor.add: _add,
}
