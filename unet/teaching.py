"""Soft pseudo-labels: what teachers say of tiles nobody labelled, for a smaller network to learn from.

Distillation (Hinton, Vinyals and Dean 2015) on unlabelled pictures: the targets are the teachers' mean probabilities,
not their masks, so what a teacher is unsure of is not taught as certain.
"""

import hashlib
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from safetensors import SafetensorError

from unet.checkpoint import Card, write_atomically
from unet.data import Split
from unet.material import Images, Pool, Targets
from unet.segmenter import Segmenter

CHUNK = 256  # tiles between two steps of the progress bar


class TeacherError(ValueError):
    """A teacher that must not teach this run; the message says why."""


def check_teacher(path: Path, card: Card, split: Split) -> None:
    """Refuses a teacher that learned from tiles that judge its student: its labels would carry their masks over.

    Raises:
        TeacherError: it did, or its card does not list what it learned from.
    """
    learned = (card.get("split") or {}).get("train")
    if not learned:
        raise TeacherError(f"{path}: its card does not list the tiles it learned from, so nobody can say it is honest")
    seen = set(learned) & set(split.val)
    if seen:
        raise TeacherError(
            f"{path} learned from {len(seen)} of the tiles that judge this run; train it on the same --split"
        )


def taught(
    teachers: list[Segmenter], ids: list[str], images: Images, cache: Path, fabric: Fabric, console: Console
) -> Pool:
    """Tiles with the mean of what the teachers say of them and of their mirrored pictures.

    Every process predicts its share, and all of them get the whole.  The labels are kept in ``cache``, so that a
    resumed run does not ask again.

    Args:
        teachers: one or more.
        ids: names of the tiles.
        images: (N, H, W) uint8.
        cache: a .safetensors file; used if it is whole and was made by these teachers of these tiles, and written if
            not.
        fabric: the processes that share the work.
        console: where the first process shows progress.
    """
    digest = hashlib.sha256("\n".join([*(teacher.card["sha256"] for teacher in teachers), "", *ids]).encode())
    made_of = digest.hexdigest()
    targets = _read(cache, made_of)
    if targets is None:
        if fabric.is_global_zero and cache.exists():
            console.print(f"{cache} is damaged, or of other teachers or tiles: asking again", markup=False)
        targets = _ask(teachers, images, fabric, console)
        if fabric.is_global_zero:
            _write(cache, safetensors.numpy.save({"targets": targets}, _mark(made_of, targets)))
    return Pool(ids, images, targets)


def _read(cache: Path, made_of: str) -> Targets | None:
    """The labels of an earlier start; None where there are none, or others, or damaged ones."""
    try:
        with safetensors.safe_open(str(cache), "numpy") as file:
            mark, targets = file.metadata(), file.get_tensor("targets")
    except (OSError, SafetensorError):
        return None
    return targets if mark == _mark(made_of, targets) else None


def _write(cache: Path, content: bytes) -> None:
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(cache, lambda file: file.write(content))
    except OSError as error:
        raise OSError(f"{cache} cannot be written ({error.strerror})") from error


def _mark(made_of: str, targets: Targets) -> dict[str, str]:
    """One entry: safetensors writes several in any order, and the same labels are to be the same file."""
    return {"sha256": hashlib.sha256(made_of.encode() + targets.tobytes()).hexdigest()}


def _ask(teachers: list[Segmenter], images: Images, fabric: Fabric, console: Console) -> Targets:
    count, processes = len(images), fabric.world_size
    # Shares of one size, so that they can be gathered: the last ones may look at a tile twice.
    share = np.arange(fabric.global_rank, -(-count // processes) * processes, processes) % count
    mine = np.empty((len(share), *images.shape[1:]), np.uint8)
    with Progress(console=console, disable=not (console.is_terminal and fabric.is_global_zero)) as progress:
        bar = progress.add_task("asking the teachers", total=len(share))
        for start in range(0, len(share), CHUNK):
            rows = share[start : start + CHUNK]
            total: NDArray[np.float32] = sum(
                (np.stack(teacher.probabilities(list(images[rows]), tta=True)) for teacher in teachers),
                start=np.zeros((len(rows), *images.shape[1:]), np.float32),
            )
            mine[start : start + len(rows)] = np.rint(255 * total / len(teachers)).astype(np.uint8)
            progress.update(bar, completed=start + len(rows))
    share_of = fabric.to_device(torch.from_numpy(mine))
    parts = [torch.empty_like(share_of) for _ in range(processes)]
    if processes > 1:
        torch.distributed.all_gather(parts, share_of)
    else:
        parts = [share_of]
    # Process r looked at tiles r, r + processes, ...: the shares interleave.
    together: Targets = torch.stack(parts, dim=1).reshape(-1, *mine.shape[1:])[:count].cpu().numpy()
    return together
