"""The same network computed faster: memory layout, folded batch norms, bfloat16, ONNX Runtime."""

import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from unet.model import UNet

if TYPE_CHECKING:
    import onnxruntime

# The names of the runtimes.
PLAIN = "PyTorch"
FOLDED = "PyTorch, folded"
ONNX_RUNTIME = "ONNX Runtime"
BFLOAT16 = "PyTorch, folded, bfloat16"

ERROR = 3  # ONNX Runtime's level of logging: no warnings

Network = Callable[[Tensor], Tensor]  # (N, 1, H, W) float32 -> logits, (N, 1, H, W) float32


def channels_last(model: UNet) -> UNet:
    """The model itself, its weights in the memory layout in which CPUs and tensor cores convolve fastest."""
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's annotations
    return model


def computes_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware; emulated, it is many times slower than float32."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


class _Float32(nn.Module):
    """A module that autocast leaves in float32; its output goes on in autocast's own precision."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> that of the inner module."""
        device = x.device.type
        with torch.autocast(device, enabled=False):
            result: Tensor = self.inner(x)
        return result.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else result


def folded(model: UNet) -> UNet:
    """A copy of an eval model with every batch norm folded into the convolution before it: same function, less work.

    Under autocast the first convolution stays in float32: the greys of an image lie closer together than bfloat16 can
    tell apart, and that error alone was as large as all that follow.
    """
    with torch.inference_mode(False):  # the copy may take part in gradients, whatever the caller's mode
        model = copy.deepcopy(model)
        for module in model.modules():
            if isinstance(module, nn.Sequential):
                convolution, norm = module
                if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    module[0], module[1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
    first = next(module for module in model.encoder.modules() if isinstance(module, nn.Sequential))
    first[0] = _Float32(first[0])
    return model


class _Bfloat16:
    """A PyTorch network under autocast."""

    def __init__(self, model: UNet) -> None:
        self._model = model

    def __call__(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            logits: Tensor = self._model(x)
        return logits.float()


class _OnnxRuntime:
    """A network computed by ONNX Runtime, on as many threads as PyTorch has where it is called.

    Where there is a tile for each thread, each computes its share of the batch alone: threads that wait for each other
    after every layer take a tenth more.
    """

    def __init__(self, model: UNet) -> None:
        from unet import onnx_graph  # of an extra

        self._graph = onnx_graph.graph(model).SerializeToString()
        self._sessions: dict[int, onnxruntime.InferenceSession] = {}  # by their number of threads
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor()

    def __call__(self, x: Tensor) -> Tensor:
        threads = torch.get_num_threads()
        if len(x) < threads or threads == 1:
            return self._run(self._session(threads), x)
        run = partial(self._run, self._session(1))
        own, *others = x.tensor_split(threads)
        coming = [self._pool.submit(run, share) for share in others]
        return torch.cat([run(own), *(share.result() for share in coming)])

    def _run(self, session: "onnxruntime.InferenceSession", x: Tensor) -> Tensor:
        (logits,) = session.run(None, {"image": x.numpy()})
        return torch.from_numpy(logits)

    def _session(self, threads: int) -> "onnxruntime.InferenceSession":
        import onnxruntime  # of an extra

        with self._lock:
            if threads not in self._sessions:
                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = threads
                # A thread that spins while it waits takes the core from whoever it waits for, beside other work.
                options.add_session_config_entry("session.intra_op.allow_spinning", "0")
                options.enable_mem_pattern = False  # one for every size of image would stay in memory
                options.log_severity_level = ERROR
                self._sessions[threads] = onnxruntime.InferenceSession(
                    self._graph, options, providers=["CPUExecutionProvider"]
                )
            return self._sessions[threads]


def runtimes(model: UNet) -> dict[str, Callable[[], Network]]:
    """What can compute a network here: names, and functions that make it ready; the slowest first.

    The order was measured on one core (AMD EPYC, Zen 4), sixteen tiles of 112 x 112 at once, ms per tile.  With AVX2
    instead of AVX512 and bfloat16 it is the same.

    | encoder           | PyTorch | folded | ONNX Runtime | bfloat16 |
    |-------------------|---------|--------|--------------|----------|
    | blocks            |    14.2 |   13.9 |         10.5 |      6.4 |
    | efficientnet-lite |    34.6 |   33.7 |         14.8 |     25.9 |

    Args:
        model: in eval mode.
    """
    device = next(model.parameters()).device.type
    found: dict[str, Callable[[], Network]] = {PLAIN: lambda: model, FOLDED: lambda: folded(model)}
    onnx: dict[str, Callable[[], Network]] = {}
    if device == "cpu" and all(find_spec(package) for package in ("onnx", "onnxruntime")):
        onnx[ONNX_RUNTIME] = lambda: _OnnxRuntime(model)
    bfloat16: dict[str, Callable[[], Network]] = {}
    if torch.cuda.is_bf16_supported() if device == "cuda" else computes_bfloat16():
        bfloat16[BFLOAT16] = lambda: _Bfloat16(folded(model))
    # Most of an EfficientNet's time goes into depthwise convolutions, which bfloat16 does not make faster on a CPU.
    return found | onnx | bfloat16 if model.config.encoder == "blocks" else found | bfloat16 | onnx


def fastest(model: UNet, bfloat16: bool) -> str:
    """The name of the last of the ``runtimes``, which depends on nothing but the device and what is installed.

    So the same command computes the same every time, which a choice by measurement would not.

    Args:
        model: in eval mode.
        bfloat16: whether it may be one that computes in bfloat16.
    """
    return [name for name in runtimes(model) if bfloat16 or name != BFLOAT16][-1]
