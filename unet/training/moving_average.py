"""The exponential moving average of a network's weights, which is what a run validates and saves."""

import copy

from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from unet.model import UNet


class MovingAverage:
    """The average of the weights and batch statistics of a network that is being trained.

    It differs from PyTorch's ``AveragedModel`` in two things: it never waits for the device, and while a run is young
    it forgets faster, as TensorFlow's ``ExponentialMovingAverage`` does, so that little of the random weights stays.

    Args:
        model: the network; the average starts as a copy of it.
        decay: per step, 0 to 1.

    Attributes:
        network: the average, in eval mode.
    """

    def __init__(self, model: UNet, decay: float) -> None:
        self.network = copy.deepcopy(model).eval()
        self.decay = decay

    def update(self, model: UNet, step: int) -> None:
        """Takes in the weights of ``model`` after its optimizer's step number ``step``, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        blend = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        blend(_tensors(self.network), _tensors(model), None)


def _tensors(model: UNet) -> list[Tensor]:
    """Everything that is averaged: all but the number of batches that a norm has seen, which nothing uses."""
    tensors = [*model.parameters(), *model.buffers()]
    return [tensor.detach() for tensor in tensors if tensor.is_floating_point()]
