"""Masks for any number of picture files: read a few, run the network, write, go on.

What is in memory is bounded, however many pictures there are.  Every file is written whole or not at all, and
a run that was stopped and started again leaves the same bytes as one that never was.
"""

import io
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from unet import metrics, rle
from unet.checkpoint import write_atomically
from unet.files import PictureError, PictureFile, find_pictures
from unet.image import Grey
from unet.segmenter import Mask, Probability, Segmenter

CHUNK = 64  # pictures in memory at a time
CHUNK_PIXELS = 8_000_000  # and their pixels, when they are large
WRITERS = 8  # files written at the same time
LONGEST_STEM = 240  # bytes: file systems take 255, and ".png.tmp" comes on top

_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\\ud800-\udfff]")  # control characters, separators, bytes that are no text
_UNSAFE_ON_WINDOWS = re.compile(r'[<>:"|?*]|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.IGNORECASE)


class ClashError(ValueError):
    """Two pictures that would be written to one file, or a file that would overwrite a picture."""


@dataclass(frozen=True)
class Job:
    """One picture and the files to write for it."""

    picture: PictureFile
    mask: Path
    probability: Path | None

    @property
    def outputs(self) -> list[Path]:
        """All files to write."""
        return [self.mask] if self.probability is None else [self.mask, self.probability]


@dataclass
class Outcome:
    """What came of a run.

    Attributes:
        done: pictures whose files were written.
        skipped: pictures whose files were there before.
        failed: pictures that could not be read.
        network_seconds: time spent in ``Segmenter.probabilities``.
        runs: stem -> run-length encoding of its mask, for pictures done and skipped; only where asked for.
    """

    done: int = 0
    skipped: int = 0
    failed: int = 0
    network_seconds: float = 0.0
    runs: dict[str, str] = field(default_factory=dict)


def refusal(stem: str, windows: bool = os.name == "nt") -> str | None:
    """Why a stem, perhaps out of a hostile zip, cannot name a new file; None where it can."""
    if _UNSAFE.search(stem) or (windows and _UNSAFE_ON_WINDOWS.search(stem)):
        return "its name holds characters that cannot be in a file name; rename it"
    if len(stem.encode()) > LONGEST_STEM:
        return f"its name is longer than {LONGEST_STEM} bytes; rename it"
    return None


def plan(pictures: Sequence[PictureFile], out: Path, probability: bool) -> list[Job]:
    """What to write for each picture.

    Args:
        pictures: their stems are none that ``refusal`` refuses.
        out: the folder for ``<stem>.png``.
        probability: write ``<stem>.npy`` as well.

    Raises:
        ClashError: two pictures of one stem (or different in capitals only: many disks see no difference), or
            a picture that would be overwritten.
    """
    folder = Path(os.path.realpath(out))  # which leaves a link to itself to the disk to refuse
    sources = {picture.path.resolve() for picture in pictures if picture.path}
    stems: dict[str, PictureFile] = {}
    jobs = []
    for picture in pictures:
        other = stems.setdefault(picture.stem.casefold(), picture)
        if other is not picture:
            raise ClashError(f"{other.name} and {picture.name} would be written to one file; rename one of them")
        mask = folder / f"{picture.stem}.png"
        job = Job(picture, mask, mask.with_name(f"{picture.stem}.npy") if probability else None)
        if not sources.isdisjoint(job.outputs):
            raise ClashError(f"{picture.name} stands in {out}, where its mask would replace it; choose another folder")
        jobs.append(job)
    return jobs


def predict(
    jobs: Sequence[Job],
    segmenter: Segmenter,
    threshold: float,
    report: Callable[[str], None],
    advance: Callable[[int], None],
    tta: bool = False,
    skip_existing: bool = False,
    encode: bool = False,
) -> Outcome:
    """Does all jobs in their order; a picture that cannot be read is reported, and the others are still done.

    Args:
        jobs: from ``plan``; their folder exists.
        segmenter: the network.
        threshold: salt is where the probability is above it.
        report: called with one sentence for each picture that cannot be read.
        advance: called with the number of pictures just finished.
        tta: as in ``Segmenter.probabilities``.
        skip_existing: leave pictures alone whose files are all there.
        encode: fill ``Outcome.runs``.

    Raises:
        OSError: a file cannot be written; those before it are complete.
    """
    outcome = Outcome()
    runs = outcome.runs if encode else None
    # A write is complete when it is on the disk; several that wait together wait little longer than one.
    with ThreadPoolExecutor(WRITERS) as writers:
        for start in range(0, len(jobs), CHUNK):
            chunk = jobs[start : start + CHUNK]
            finished = [job for job in chunk if skip_existing and _is_finished(job, runs)]
            outcome.skipped += len(finished)
            advance(len(finished))
            if len(finished) == len(chunk):
                continue

            def fail(job: Job, error: PictureError, finished: list[Job] = finished) -> None:
                if job not in finished:
                    outcome.failed += 1
                    report(str(error))
                    advance(1)

            # A chunk that was stopped half-way goes through the network whole: the last bits of a probability
            # depend on what is computed together, and that must not depend on where an earlier run stopped.
            for group in _read(chunk, fail):
                begin = time.perf_counter()
                values = segmenter.probabilities([grey for _, grey in group], tta)
                outcome.network_seconds += time.perf_counter() - begin
                todo = [(job, p) for (job, _), p in zip(group, values, strict=True) if job not in finished]
                masks = writers.map(lambda pair: _write(pair[0], pair[1], threshold), todo)
                for (job, _), mask in zip(todo, masks, strict=True):
                    if runs is not None:
                        runs[job.picture.stem] = rle.encode(mask)
                    outcome.done += 1
                    advance(1)
    return outcome


def _is_finished(job: Job, runs: dict[str, str] | None) -> bool:
    """Whether all files of a job are there and, with ``runs``, the mask can be read back into them."""
    if not all(path.is_file() for path in job.outputs):
        return False
    if runs is not None:
        try:
            runs[job.picture.stem] = rle.encode(find_pictures(job.mask)[0].read_grey() > 0.5)
        except PictureError:  # not what this program wrote: do it again
            return False
    return True


def _read(chunk: Sequence[Job], fail: Callable[[Job, PictureError], None]) -> Iterator[list[tuple[Job, Grey]]]:
    """The pictures of a chunk in groups of bounded size; those that cannot be read go to ``fail``."""
    group: list[tuple[Job, Grey]] = []
    for job in chunk:
        try:
            values = job.picture.read_grey()
        except PictureError as error:
            fail(job, error)
            continue
        if group and sum(v.size for _, v in group) + values.size > CHUNK_PIXELS:
            yield group
            group = []
        group.append((job, values))
    if group:
        yield group


def _write(job: Job, probability: Probability, threshold: float) -> Mask:
    mask = metrics.mask(probability, threshold)
    if job.probability is not None:
        # Into memory first: on a full disk np.save says "2356 requested and 1012 written", and not why.
        array = io.BytesIO()
        np.save(array, probability, allow_pickle=False)
        write(job.probability, lambda file: file.write(array.getbuffer()))
    picture = Image.fromarray(mask.astype(np.uint8) * np.uint8(255))
    write(job.mask, lambda file: picture.save(file, format="PNG"))
    return mask


def write(path: Path, content: Callable[[BinaryIO], object]) -> None:
    """Writes a file whole or not at all; an ``OSError`` names it, also where only the disk knows that it is full."""
    try:
        write_atomically(path, content)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
