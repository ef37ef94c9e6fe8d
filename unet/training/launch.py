"""Devices, processes and precision of a run, through Lightning Fabric."""

import logging
import os
from typing import Literal

import torch
from lightning_fabric import Fabric
from torch.distributed import DistError

from unet.runtime import computes_bfloat16
from unet.training.config import TrainingConfig


def launch(config: TrainingConfig) -> Fabric:
    """Sets up this process of a run; under torchrun the environment says how many there are.

    Args:
        config: its ``precision`` is used, and ``auto`` is resolved by ``precision_of``.

    Returns:
        A launched Fabric: on CUDA where it is available, with DDP for several processes.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # the card records what it would log
    processes = int(os.environ.get("WORLD_SIZE", 1))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", processes))
    accelerator, precision = "cuda" if torch.cuda.is_available() else "cpu", precision_of(config)
    strategy, nodes = "ddp" if processes > 1 else "auto", processes // local
    fabric = Fabric(accelerator=accelerator, strategy=strategy, devices=local, num_nodes=nodes, precision=precision)
    fabric.launch()
    return fabric


def precision_of(config: TrainingConfig) -> Literal["32-true", "bf16-mixed", "16-mixed"]:
    """The number format of the forward pass: ``auto`` becomes bfloat16 where the hardware computes in it."""
    if config.precision != "auto":
        return config.precision
    fast = torch.cuda.is_bf16_supported() if torch.cuda.is_available() else computes_bfloat16()
    return "bf16-mixed" if fast else "32-true"


def is_lost_process(error: RuntimeError) -> bool:
    """Whether an error means that another process of the run is gone; gloo's errors have no class of their own."""
    return isinstance(error, DistError) or "gloo" in str(error)
