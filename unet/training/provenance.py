"""Where weights come from, as their card records it: split, data, options, history, code, machine, lineage, licence."""

import os
import platform
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import torch
from msgspec.structs import replace

from unet.card import Card
from unet.training.config import plain
from unet.training.data_record import DataRecord, summarise
from unet.training.launch import precision_of
from unet.training.resume import ResumeState

LICENCE = (
    "Trained on tiles of the TGS Salt Identification Challenge, whose rules allow non-commercial, research and "
    "educational use; read them before any other use of these weights."
)
MIT = "MIT, as the code: learned from synthetic sections only."


def with_provenance(card: Card, run: ResumeState, processes: int) -> Card:
    """Adds name, split, training and licence to a card.

    Args:
        card: what is known about the weights.
        run: what made them, with at least one complete epoch.
        processes: how many made them.
    """
    config, data = run.config, run.data_record
    return replace(
        card,
        name=config.name,
        split=data.split and replace(data.split, seed=config.seed, val_share=config.val_share),
        snapshots=run.snapshots,
        training={
            "command": command(processes),
            "options": plain(config),
            "data": summarise(data),
            **({"unlabelled": summarise(data.unlabelled)} if data.unlabelled else {}),
            **plain(data.parents),
            "epochs": run.epochs,
            "seconds": round(run.history[-1].seconds, 1),
            "history": [
                {"epoch": entry.epoch, "seconds": round(entry.seconds, 1), "mAP": entry.mAP, "iou": entry.iou}
                for entry in run.history
            ],
            "code": version(),
            "torch": str(torch.__version__),
            "precision": precision_of(config),
            "processes": processes,
            "threads": torch.get_num_threads(),
            "machine": _machine(),
        },
        licence=_licence(data),
    )


def _licence(data: DataRecord) -> str:
    """That of the tiles these weights, or those they started from, learned from."""
    start = data.parents.started_from
    if data.split is not None:
        return LICENCE
    if start is None:
        return MIT
    return start.licence or f"That of the weights it started from, {start.name}, whose card names none."


def command(processes: int = 1) -> str:
    """This process as a command line."""
    launcher = ["python"] if processes == 1 else ["torchrun", "--standalone", f"--nproc-per-node={processes}"]
    program = Path(sys.argv[0]).name
    options = [word for word in sys.argv[1:] if word != "--resume"]
    return shlex.join([*launcher, *(["-m", "unet"] if program == "__main__.py" else [program]), *options])


def _machine() -> str:
    """Processor and, where there is one, GPU."""
    parts = [platform.machine(), f"{os.cpu_count()} cores", torch.backends.cpu.get_cpu_capability()]
    return ", ".join([*parts, torch.cuda.get_device_name()] if torch.cuda.is_available() else parts)


def version() -> str:
    """The package's version, and the commit where it runs from a checkout."""
    version = metadata.version("salt-unet")
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return f"{version}+{subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()}"
    except (OSError, subprocess.CalledProcessError):
        return version
