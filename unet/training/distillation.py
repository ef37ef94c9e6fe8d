"""Soft pseudo-labels: what teachers say of tiles nobody labelled, for a smaller network to learn from.

Distillation (Hinton, Vinyals and Dean 2015) on unlabelled images: the targets are the teachers' mean probabilities,
not their masks, so what a teacher is unsure of is not taught as certain.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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

from unet.card import Card, Split
from unet.checkpoint import write_atomically
from unet.data import pairing
from unet.data.dataset import Images, Targets, TrainingSet
from unet.data.places import shown
from unet.segmenter import BATCH, Segmenter

CHUNK = BATCH  # tiles that a teacher looks at together


class TeacherError(ValueError):
    """A teacher that must not teach this run; the message says why."""


def check_teacher(path: Path, card: Card, split: Split) -> None:
    """Refuses a teacher that learned from tiles that judge its student: its labels would carry their masks over.

    Raises:
        TeacherError: it did, or its card does not list what it learned from.
    """
    learned = card.trained_on()
    if not learned:
        raise TeacherError(f"{path}: its card does not list the tiles it learned from, so nobody can say it is honest")
    seen = pairing.join(learned, split.val).possible()
    if seen:
        raise TeacherError(
            f"{path} learned from {len(seen)} of the tiles that judge this run; train it on the same --split"
        )


def reload_teachers(
    kept: list[dict[str, str]], given: tuple[Path, ...]
) -> tuple[list[Segmenter], list[dict[str, str]]]:
    """The teachers a run began with.

    Args:
        kept: ``path`` and ``sha256`` of each.
        given: where they are now; empty if they are where they were.

    Returns:
        The teachers in the order of ``kept``, and ``path`` and ``sha256`` of each as it is now.

    Raises:
        TeacherError: one is not there, or not the same.
        CheckpointError: one cannot be read.
    """
    found: dict[str, tuple[Path, Segmenter]] = {}
    for path in [path.absolute() for path in given] or [Path(one["path"]) for one in kept]:
        if not path.exists():
            raise TeacherError(f"{shown(path)}: this teacher of the run is not there; say with --teacher where it is")
        teacher = Segmenter.load(path, fast=True)
        found[teacher.card.sha256] = path, teacher
    wanted = [one["sha256"] for one in kept]
    others = [shown(path) for digest, (path, _) in found.items() if digest not in wanted]
    missing = [shown(Path(one["path"])) for one in kept if one["sha256"] not in found]
    if others or missing:
        which = f"{others[0]} is not a teacher that" if others else f"{missing[0]} is missing, a teacher that"
        raise TeacherError(
            f"{which} this run began with; give all of the same weights with --teacher, or begin another run under "
            "another --name"
        )
    return [found[digest][1] for digest in wanted], [
        {"path": str(found[digest][0]), "sha256": digest} for digest in wanted
    ]


def taught(
    teachers: list[Segmenter], ids: list[str], images: Images, cache: Path, fabric: Fabric, console: Console
) -> TrainingSet:
    """Tiles with the mean of what the teachers say of them and of their mirrored images.

    Every process predicts its share, and all of them get the whole.  The last bits of a probability depend on what is
    computed together and on how many threads compute it, and half a grey level may hang on them; so the same tiles are
    always computed together, on one thread, and the labels are the same however many processes and threads there are.
    They are kept in ``cache``, so that a resumed run does not ask again.

    Args:
        teachers: one or more.
        ids: names of the tiles.
        images: (N, H, W) uint8.
        cache: a .safetensors file; used if it is whole and was made by these teachers of these tiles, names and
            pixels, and written if not.
        fabric: the processes that share the work.
        console: where the first process shows progress.
    """
    digest = hashlib.sha256("\n".join([*(teacher.card.sha256 for teacher in teachers), "", *ids, ""]).encode())
    digest.update(np.ascontiguousarray(images).data)
    made_of = digest.hexdigest()
    targets = _read(cache, made_of)
    if targets is None:
        if fabric.is_global_zero and cache.exists():
            console.print(f"{cache} is damaged, or of other teachers, tiles or pixels: asking again", markup=False)
        targets = _ask(teachers, images, fabric, console)
        if fabric.is_global_zero:
            _write(cache, safetensors.numpy.save({"targets": targets}, _mark(made_of, targets)))
    return TrainingSet(ids, images, targets)


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
    """The labels of all tiles, of which this process makes its share."""
    shown_by = console if fabric.is_global_zero else Console(quiet=True)
    mine = share_of(teachers, images, fabric.global_rank, fabric.world_size, shown_by)
    if fabric.world_size == 1:
        return whole_of([mine], len(images))
    sent = fabric.to_device(torch.from_numpy(mine))
    parts = [torch.empty_like(sent) for _ in range(fabric.world_size)]
    torch.distributed.all_gather(parts, sent)
    return whole_of([part.cpu().numpy() for part in parts], len(images))


def share_of(teachers: list[Segmenter], images: Images, rank: int, processes: int, console: Console) -> Targets:
    """The labels that one of several processes makes.

    Args:
        teachers: one or more.
        images: (N, H, W) uint8, of all processes.
        rank: which of them this is, from 0.
        processes: how many there are.
        console: where progress is shown, if it is a terminal.

    Returns:
        (rounds, ``CHUNK``, H, W) uint8 of chunks ``rank``, ``rank + processes``, ...; of one size for all, so that they
        can be gathered: the last chunk of some stays empty.
    """
    chunks = -(-len(images) // CHUNK)
    labels = np.zeros((-(-chunks // processes), CHUNK, *images.shape[1:]), np.uint8)

    def ask(chunk: int) -> Targets:
        tiles = list(images[chunk * CHUNK : (chunk + 1) * CHUNK])
        total: NDArray[np.float32] = sum(
            (np.stack(teacher.probabilities(tiles, tta=True)) for teacher in teachers),
            start=np.zeros((len(tiles), *images.shape[1:]), np.float32),
        )
        return np.rint(255 * total / len(teachers)).astype(np.uint8)

    mine = range(rank, chunks, processes)
    with _one_thread_each() as pool, Progress(console=console, disable=not console.is_terminal) as progress:
        found = progress.track(pool.map(ask, mine), len(mine), description="asking the teachers")
        for place, of_chunk in enumerate(found):
            labels[place, : len(of_chunk)] = of_chunk
    return labels


def whole_of(shares: list[Targets], count: int) -> Targets:
    """The labels of all tiles in their order, (N, H, W), out of the shares of all processes: they interleave."""
    together: Targets = np.stack(shares, axis=1).reshape(-1, *shares[0].shape[2:])[:count]
    return together


@contextmanager
def _one_thread_each() -> Iterator[ThreadPoolExecutor]:
    """As many workers as PyTorch has threads, each of which computes on one.

    That is no slower than all threads on one batch, and what comes of it does not depend on how many there are.
    """
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C does not wait for the tiles that are left
        torch.set_num_threads(threads)
