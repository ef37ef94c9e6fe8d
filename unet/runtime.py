"""The same network computed faster: memory layout, folded batch norms, bfloat16 where the processor has it."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from unet.model import UNet


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
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, nn.Sequential):
            convolution, norm = module
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[0], module[1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
    first = next(module for module in model.encoder.modules() if isinstance(module, nn.Sequential))
    first[0] = _Float32(first[0])
    return model
