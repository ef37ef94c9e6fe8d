"""Distillation: teachers label tiles without masks with their probabilities, and a smaller network learns from those.

The targets are the teachers' mean probabilities, not their masks, so that the student learns their uncertainty too
(Hinton, Vinyals and Dean 2015).
"""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors
import safetensors.numpy
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from safetensors import SafetensorError

from unet import checkpoint
from unet.card import Split
from unet.data import pairing
from unet.data.dataset import TrainingSet
from unet.data.places import shown
from unet.data.tiles import Unlabelled
from unet.files.atomic import write_atomically
from unet.segmenter import BATCH, Segmenter
from unet.training.data_record import TeacherRecord
from unet.training.errors import TeacherError
from unet.training.resume import writing_to

Images = NDArray[np.uint8]  # (N, H, W)
Targets = NDArray[np.uint8]  # (N, H, W), a teacher's probability in 255ths

CHUNK = BATCH  # tiles that are computed together on a CPU
DEVICE_CHUNK, DEVICE_BATCH = 4096, 256  # on other devices, which prepare anew for every size of a batch and its tiles
CACHE = "taught.safetensors"  # pseudo-labels in the folder of a run, under the name they have in runs of any version


class Teacher(NamedTuple):
    """A trained network, and where its weights are."""

    record: TeacherRecord
    segmenter: Segmenter


def load_teacher(path: Path, device: torch.device) -> Teacher:
    """Loads a teacher for inference on a device; raises ``CheckpointError`` where that is not possible."""
    model, card = checkpoint.load(path)
    segmenter = Segmenter(model.to(device), card, fast=True)
    return Teacher(TeacherRecord(path=str(path.absolute()), sha256=segmenter.card.sha256), segmenter)


def check_teacher(teacher: Teacher, split: Split) -> None:
    """Refuses a teacher that learned from validation tiles of its student: its labels would carry their masks over.

    Raises:
        TeacherError: it did, or its card does not list what it learned from.
    """
    path, learned = shown(Path(teacher.record.path)), teacher.segmenter.card.trained_on()
    if not learned:
        raise TeacherError(f"{path}: expected a card that lists the tiles its teacher learned from, got one without")
    if seen := pairing.join(learned, split.val).possible():
        raise TeacherError(
            f"{path}: expected a teacher that has seen no validation tile of this run, got one that learned from "
            f"{len(seen)} of them; train it on the same --split"
        )


def reload_teachers(records: Sequence[TeacherRecord], given: Sequence[Path], device: torch.device) -> list[Teacher]:
    """The teachers a run began with.

    Args:
        records: one for each teacher.
        given: where their weights are now, in any order; empty if they are where they were.
        device: where they are to label.

    Returns:
        The teachers in the order of ``records``.

    Raises:
        TeacherError: one is not there, or not the same.
        CheckpointError: one cannot be read.
    """
    teachers: dict[str, Teacher] = {}
    for path in given or [Path(record.path) for record in records]:
        if not path.exists():
            raise TeacherError(f"{shown(path)}: expected a teacher of this run, got no file; say where with --teacher")
        teacher = load_teacher(path, device)
        teachers[teacher.record.sha256] = teacher
    wanted = [record.sha256 for record in records]
    others = [f"also {shown(Path(found.record.path))}" for digest, found in teachers.items() if digest not in wanted]
    missing = [f"none for {shown(Path(record.path))}" for record in records if record.sha256 not in teachers]
    if others or missing:
        raise TeacherError(
            f"expected the teachers that this run began with, got {(others + missing)[0]}; give all of them with "
            "--teacher, or begin another run under another --name"
        )
    return [teachers[digest] for digest in wanted]


def pseudo_label(
    teachers: Sequence[Teacher],
    weights: Sequence[float],
    tiles: Unlabelled,
    cache: Path,
    fabric: Fabric,
    console: Console,
) -> TrainingSet:
    """Labels tiles with the mean of the teachers' probabilities, flip TTA included.

    Every process predicts its share, and all of them get the whole.  The last bits of a probability depend on which
    tiles are computed together and on the number of threads, and may decide how it is rounded to a grey level.  So the
    same tiles are always computed together, on one thread, and the labels do not depend on the number of processes or
    threads.

    Args:
        teachers: one or more.
        weights: how much each counts; empty if all count alike.
        tiles: of one size.
        cache: a .safetensors file of labels.  It is used if it is whole and was made by these teachers from tiles of
            these names and pixels, and otherwise written.
        fabric: the processes that share the work.
        console: where progress is shown.
    """
    weights = weights or [1.0] * len(teachers)
    names = [*(teacher.record.sha256 for teacher in teachers), *map(str, weights), "", *tiles.ids, ""]
    inputs = hashlib.sha256("\n".join(names).encode())
    inputs.update(np.ascontiguousarray(tiles.images).data)
    targets = _read_cache(cache, inputs.hexdigest())
    if targets is None:
        if cache.exists():
            console.print(f"{cache} is damaged, or of other teachers, tiles or pixels: labelling again", markup=False)
        chunk, batch = (CHUNK, CHUNK) if fabric.device.type == "cpu" else (DEVICE_CHUNK, DEVICE_BATCH)
        processes = fabric.global_rank, fabric.world_size
        share = label_share(teachers, weights, tiles.images, *processes, console, chunk, batch)
        shares = torch.as_tensor(fabric.all_gather(torch.from_numpy(share))).cpu().numpy()
        targets = join_shares(shares.reshape(fabric.world_size, *share.shape), len(tiles.ids))
        if fabric.is_global_zero:
            content = safetensors.numpy.save({"targets": targets}, _metadata(inputs.hexdigest(), targets))
            with writing_to(cache.parent):
                write_atomically(cache, content)
    return TrainingSet(tiles.ids, torch.from_numpy(tiles.images), torch.from_numpy(targets))


def _read_cache(cache: Path, inputs: str) -> Targets | None:
    """The labels made from ``inputs``; None where there are none, or others, or damaged ones."""
    try:
        with safetensors.safe_open(str(cache), "numpy") as file:
            metadata, targets = file.metadata(), file.get_tensor("targets")
    except (OSError, SafetensorError):
        return None
    return targets if metadata == _metadata(inputs, targets) else None


def _metadata(inputs: str, targets: Targets) -> dict[str, str]:
    """A single entry, because safetensors writes several in any order, and the same labels make the same file."""
    return {"sha256": hashlib.sha256(inputs.encode() + targets.tobytes()).hexdigest()}


def label_share(
    teachers: Sequence[Teacher],
    weights: Sequence[float],
    images: Images,
    rank: int,
    processes: int,
    console: Console,
    chunk: int = CHUNK,
    batch: int = CHUNK,
) -> Targets:
    """The labels that one of several processes makes.

    Args:
        teachers: one or more.
        weights: how much each counts.
        images: (N, H, W) uint8, the tiles of all processes.
        rank: of this process, from 0.
        processes: how many there are.
        console: where progress is shown, if it is a terminal.
        chunk: tiles that are labelled together.
        batch: as many of them as go through a teacher at once.

    Returns:
        (rounds, ``chunk``, H, W) uint8: the chunks ``rank``, ``rank + processes``, ...  All processes return one shape,
        so that it can be gathered; where a chunk is missing or not full it ends with zeros.
    """
    chunks = -(-len(images) // chunk)
    labels = np.zeros((-(-chunks // processes), chunk, *images.shape[1:]), np.uint8)

    def label(index: int) -> Targets:
        tiles = list(images[index * chunk : (index + 1) * chunk])
        total: NDArray[np.float32] = np.zeros((len(tiles), *images.shape[1:]), np.float32)
        for teacher, weight in zip(teachers, weights, strict=True):
            total += np.float32(weight) * np.stack(teacher.segmenter.probabilities(tiles, tta=True, batch_size=batch))
        share: NDArray[np.float32] = 255 * total / np.float32(sum(weights))
        return np.rint(share).astype(np.uint8)

    own = range(rank, chunks, processes)
    with _single_threaded_pool() as pool, Progress(console=console, disable=not console.is_terminal) as progress:
        results = progress.track(pool.map(label, own), len(own), description="pseudo-labels")
        for row, targets in enumerate(results):
            labels[row, : len(targets)] = targets
    return labels


def join_shares(shares: Targets, count: int) -> Targets:
    """The labels of all tiles in their order, (count, H, W), from the shares of all processes in order of rank."""
    return shares.swapaxes(0, 1).reshape(-1, *shares.shape[-2:])[:count]


@contextmanager
def _single_threaded_pool() -> Iterator[ThreadPoolExecutor]:
    """As many workers as PyTorch has threads, each of which computes on one.

    That is no slower than one batch on all threads, and its result does not depend on how many there are.
    """
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C does not wait for the remaining tiles
        torch.set_num_threads(threads)
