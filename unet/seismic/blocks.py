"""What a worker does: read a block of sections, predict it, write it.  Everything it needs comes with the job."""

import ctypes
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Literal

import cv2
import torch

from unet import checkpoint
from unet.segmenter import Segmenter
from unet.seismic.damage import DamagedTrace, take_out
from unet.seismic.section import SectionSettings, predict_section
from unet.seismic.segy import SegyFile
from unet.seismic.store import Block, Store
from unet.seismic.volume import SegyVolume, Volume, VolumeError, open_volume

Direction = Literal["inline", "crossline", "both"]

KEPT = 512_000_000  # bytes that a worker does not give back to the system between sections
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # names of glibc's options


@dataclass(frozen=True)
class Job:
    """What is to be predicted and how, in a form that travels to other machines.

    Attributes:
        source: the line or cube.
        size: of the source in bytes, by which a worker knows that it sees the same.
        segy: the source where it is SEG-Y, with its headers understood.
        store: the folder of the predictions.
        weights: NAME.safetensors.
        sha256: of the weights.
        runtime: what computes the network, one of ``unet.runtime.runtimes``.
        settings: how a section is shown to the network.
        direction: the sections that are predicted; of both the mean is taken.
        tolerant: whether a damaged trace is taken as a missing one.
    """

    source: Path
    size: int
    segy: SegyFile | None
    store: Path
    weights: Path
    sha256: str
    runtime: str
    settings: SectionSettings
    direction: Direction
    tolerant: bool


def predict_block(job: Job, block: Block) -> list[DamagedTrace]:
    """Reads, predicts and writes one block.

    Of a job in both directions the blocks of crosslines must be done before those of inlines, which hold the mean.

    Returns:
        The damaged traces in it.  Where there are any and the job is not tolerant, nothing has been written.

    Raises:
        ValueError: the source, the weights or the store are not the ones of the job.
        OSError: they cannot be read or written.
    """
    use_one_thread()
    segmenter, volume, store = _opened(job)
    if block.along == "inline" and job.direction == "crossline":
        store.write(block, store.by_crossline(block), [])
        return []
    part = slice(block.start, block.stop)
    inlines, crosslines = (part, slice(None)) if block.along == "inline" else (slice(None), part)
    amplitudes = volume.read(inlines, crosslines)
    damaged = take_out(volume, amplitudes, inlines, crosslines)
    if damaged and not job.tolerant:
        return damaged
    # A section is drawn with its samples downwards: (samples, traces).
    for place in range(block.sections):
        section = amplitudes[place] if block.along == "inline" else amplitudes[:, place]
        section[:] = predict_section(segmenter, section.T, job.settings).T
    if job.direction == "both" and block.along == "inline":
        amplitudes += store.by_crossline(block)
        amplitudes /= 2
    store.write(block, amplitudes, damaged)
    return damaged


def version() -> str:
    """Of this package, as it is installed where this is called."""
    try:
        return metadata.version("salt-unet")
    except metadata.PackageNotFoundError:
        return "unknown"


def check_worker(job: Job) -> str:
    """Empty where the job could be done where this is called, else one sentence."""
    try:
        _opened(job)
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def use_one_thread() -> None:
    """Lets the network compute on one thread, so that its numbers do not depend on how many cores a machine has.

    Also keeps the memory of one section for the next one.  glibc gives it back each time, and fetching it again took
    half of the time in workers of Dask, which make glibc give back even more.
    """
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if sys.platform == "linux":
        _keep_memory()


@lru_cache(maxsize=1)
def _keep_memory() -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # of glibc only
    if mallopt is not None:
        mallopt(TRIM_THRESHOLD, KEPT)
        mallopt(MMAP_THRESHOLD, KEPT)


@lru_cache(maxsize=1)
def _opened(job: Job) -> tuple[Segmenter, Volume, Store]:
    store = Store(job.store)
    if not job.source.exists():
        raise VolumeError(f"{job.source}: expected the input, got nothing there")
    if job.source.is_file() and (size := job.source.stat().st_size) != job.size:
        raise VolumeError(f"{job.source}: expected a file of {job.size:,} bytes, got one of {size:,}")
    volume = open_volume(job.source) if job.segy is None else SegyVolume(job.segy, store.geometry())
    model, card = checkpoint.load(job.weights)
    if card.sha256 != job.sha256:
        raise checkpoint.CheckpointError(f"{job.weights}: expected the weights of the job, got others")
    return Segmenter(model, card, runtime=job.runtime), volume, store
