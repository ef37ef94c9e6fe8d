"""The control of every explanation: the same network with random weights (Adebayo et al. 2018)."""

import copy

import torch
from torch import nn

from unet.segmenter import Segmenter
from unet.synthetic import sections


def random_twin(segmenter: Segmenter, seed: int = 0) -> Segmenter:
    """A network of the same shape before training: what an explanation shows of both was not learned.

    Args:
        segmenter: the trained network; it is not changed.
        seed: of its own generator; torch's global one is not used.

    Returns:
        A frozen network in eval mode with the same card: convolutions initialised as by He et al. (2015) with biases
        of zero, batch norms as after a first batch of eight synthetic sections.
    """
    model = copy.deepcopy(segmenter.model)
    generator = torch.Generator().manual_seed(seed)
    first_batch = torch.cat([segmenter.network_input(image)[0] for image in sections(8)[0]])
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                drawn = torch.empty(
                    module.weight.shape
                )  # in one memory layout, so that a seed always gives the same network
                module.weight.copy_(nn.init.kaiming_normal_(drawn, nonlinearity="relu", generator=generator))
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
                module.momentum = None  # takes the statistics of the batch as they are
        # Without the statistics of a batch the activations would grow from block to block.
        model.train()(first_batch)
    return Segmenter(model.eval().requires_grad_(False), segmenter.card, segmenter.fast)
