"""Masks for any number of image files: read a few, run the network, write, go on.

Memory stays bounded however many images there are.  Every file is written whole or not at all, and a run that was
stopped and started again leaves the same bytes as one that never was.

The PNG of a mask holds as text that this program wrote it, and a digest of what it was made of.  So a file of another
program is never replaced unless the user says so, and one made of another image or by other weights is not taken for
finished.
"""

import csv
import hashlib
import io
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, PngImagePlugin

from unet import metrics, rle
from unet.amplitude import Limits
from unet.files.atomic import write_atomically
from unet.files.images import ImageError, read_image, read_mask
from unet.files.listing import ImageFile
from unet.image import Grey
from unet.segmenter import Probability, Segmenter

CHUNK = 64  # images in memory at a time
CHUNK_PIXELS = 8_000_000  # and their pixels, when they are large
WRITERS = 8  # files written at the same time
LONGEST_STEM = 240  # bytes: file systems take 255, and ".png.tmp" comes on top

PROGRAM = "salt-unet"
# Keywords of the texts in a mask: who wrote it (the name is PNG's own), of what, and the SHA-256 of the NPY beside it.
SOFTWARE, MADE_OF, PROBABILITY = "Software", "salt-unet made of", "salt-unet probability"

_Item = TypeVar("_Item")

_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\\ud800-\udfff]")  # control characters, separators, bytes that are no text
_UNSAFE_ON_WINDOWS = re.compile(r'[<>:"|?*]|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.IGNORECASE)


class ClashError(ValueError):
    """Two images that would be written to one file, or a mask that would replace an image."""


@dataclass(frozen=True)
class PredictionJob:
    """One image and the files to write for it."""

    image: ImageFile
    mask: Path
    probability: Path | None

    @property
    def outputs(self) -> list[Path]:
        """All files to write."""
        return [self.mask] if self.probability is None else [self.mask, self.probability]


@dataclass
class PredictionSummary:
    """What a run did.

    Attributes:
        done: images whose files were written.
        skipped: images whose files existed before.
        failed: images that could not be read.
        stale: images done although their files existed, because those were made of something else.
        network_seconds: time spent in ``Segmenter.probabilities``.
        runs: stem -> run-length encoding of its mask, for images done and skipped; empty unless asked for.
        notes: what was guessed or left out -> the names of the images of which that is true.
    """

    done: int = 0
    skipped: int = 0
    failed: int = 0
    stale: int = 0
    network_seconds: float = 0.0
    runs: dict[str, str] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class PredictionSettings:
    """How masks are made: the network, the threshold above which there is salt, whether with flip TTA, and limits.

    ``limits`` are the numbers that become black and white; None takes those of a file's type.
    """

    segmenter: Segmenter
    threshold: float
    tta: bool = False
    limits: Limits | None = None

    def digest(self, content: bytes) -> str:
        """A digest of an image file and of these settings: two masks with one digest are the same mask."""
        card = self.segmenter.card
        network = f"{card.sha256} {self.segmenter.temperature!r} {self.segmenter.runtime}"
        limits = "" if self.limits is None else f" {self.limits.black!r} {self.limits.white!r}"
        words = f"{network} {self.threshold!r} {self.tta}{limits} {hashlib.sha256(content).hexdigest()}"
        return hashlib.sha256(words.encode()).hexdigest()


def stem_problem(stem: str, windows: bool = os.name == "nt") -> str | None:
    """Why a stem, perhaps out of a hostile ZIP, cannot name a new file; None where it can."""
    if _UNSAFE.search(stem) or (windows and _UNSAFE_ON_WINDOWS.search(stem)):
        return "expected a name for a new file, got characters that cannot be in one; rename it"
    if len(stem.encode()) > LONGEST_STEM:
        return f"expected a name of at most {LONGEST_STEM} bytes, got {len(stem.encode())}; rename it"
    return None


def plan(images: Sequence[ImageFile], out: Path, probability: bool) -> list[PredictionJob]:
    """The files to write for each image.

    Args:
        images: with stems that have no ``stem_problem``.
        out: the folder for ``<stem>.png``.
        probability: write ``<stem>.npy`` as well.

    Raises:
        ClashError: two images of one stem (or different in capitals only: many disks see no difference), or
            an image that would be replaced.
    """
    folder = Path(os.path.realpath(out))  # leaves a link to itself for the disk to refuse
    sources = {Path(os.path.realpath(image.path)) for image in images if image.path}
    stems: dict[str, ImageFile] = {}
    jobs = []
    for image in images:
        other = stems.setdefault(image.stem.casefold(), image)
        if other is not image:
            raise ClashError(
                f"expected a mask file for each image, got one for {other.name} and {image.name}; rename one of them"
            )
        mask = folder / f"{image.stem}.png"
        job = PredictionJob(image, mask, mask.with_name(f"{image.stem}.npy") if probability else None)
        if not sources.isdisjoint(job.outputs):
            raise ClashError(
                f"expected a folder without {image.name}, got {out}, where its mask would replace it; choose another"
            )
        jobs.append(job)
    return jobs


def foreign_files(jobs: Sequence[PredictionJob], skip_existing: bool, encode: bool) -> list[Path]:
    """The outputs of jobs that exist and are not as this program wrote them.

    Args:
        jobs: from ``plan``.
        skip_existing: a job whose outputs all exist replaces none of another program, so none is listed,
        encode: except a mask that is to be read and cannot be.
    """
    found: list[Path] = []
    for job in jobs:
        existing = [path for path in job.outputs if os.path.lexists(path)]
        if not existing:
            continue
        texts = _texts(job.mask)
        if skip_existing and len(existing) == len(job.outputs) and texts.get(SOFTWARE) != PROGRAM:
            if encode and _encoded(job.mask) is None:
                found.append(job.mask)
            continue
        if job.mask in existing and texts.get(SOFTWARE) != PROGRAM:
            found.append(job.mask)
        if job.probability in existing and texts.get(PROBABILITY) != _sha256(job.probability):
            found.append(job.probability)
    return found


def is_submission_of(path: Path, folder: Path) -> bool:
    """Whether a CSV file holds nothing but the run lengths of masks in ``folder`` that this program wrote."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        runs = dict(rows)  # a ValueError where a row has more than an id and a mask
        if header != ["id", "rle_mask"] or any(stem_problem(stem) for stem in runs):
            return False
        masks = {stem: folder / f"{stem}.png" for stem in runs}
        return all(
            _texts(mask).get(SOFTWARE) == PROGRAM and _encoded(mask) == runs[stem] for stem, mask in masks.items()
        )
    except (OSError, ValueError, csv.Error):
        return False


def predict(
    jobs: Sequence[PredictionJob],
    settings: PredictionSettings,
    report: Callable[[str], None],
    advance: Callable[[int], None],
    skip_existing: bool = False,
    encode: bool = False,
) -> PredictionSummary:
    """Does all jobs in order; an image that cannot be read is reported, and the others are still done.

    Args:
        jobs: from ``plan``; their folder exists.
        settings: how masks are made.
        report: called with one sentence for each image that cannot be read.
        advance: called with the number of images just finished.
        skip_existing: skip images whose files all exist, unless this program made them of another image or with other
            settings.
        encode: fill ``PredictionSummary.runs``.

    Raises:
        OSError: a file cannot be written; those before it are complete.
    """
    summary = PredictionSummary()
    runs = summary.runs if encode else None

    def groups() -> Iterator[tuple[list[_LoadedImage], list[PredictionJob]]]:
        """Images that go through the network together, and the jobs of their chunk that are finished already."""
        for start in range(0, len(jobs), CHUNK):
            chunk = jobs[start : start + CHUNK]
            existing = [job for job in chunk if skip_existing and all(path.is_file() for path in job.outputs)]
            finished = [job for job in existing if _is_finished(job, settings, runs)]
            summary.stale += len(existing) - len(finished)
            summary.skipped += len(finished)
            advance(len(finished))
            if len(finished) == len(chunk):
                continue

            def fail(job: PredictionJob, error: ImageError, finished: list[PredictionJob] = finished) -> None:
                if job not in finished:
                    summary.failed += 1
                    report(str(error))
                    advance(1)

            # A chunk that was stopped half-way goes through the network whole: the last bits of a probability
            # depend on what is computed together, and that must not depend on where an earlier run stopped.
            for group in _read(chunk, settings, fail):
                yield group, finished

    def finish(todo: list[_LoadedImage], written: Iterator[str | None]) -> None:
        for loaded, text in zip(todo, written, strict=True):
            if text is not None:
                summary.runs[loaded.job.image.stem] = text
            for note in loaded.notes:
                summary.notes.setdefault(note, []).append(loaded.job.image.name)
            summary.done += 1
            advance(1)

    # While the network computes a group, the next one is read and the one before is written.  A write is complete when
    # it is on the disk; several that wait together wait little longer than one.
    with ThreadPoolExecutor(WRITERS) as writers, ThreadPoolExecutor(1) as reader:
        before: tuple[list[_LoadedImage], Iterator[str | None]] = ([], iter(()))
        for group, finished in _ahead(groups(), reader):
            begin = time.perf_counter()
            values = settings.segmenter.probabilities([loaded.grey for loaded in group], settings.tta)
            summary.network_seconds += time.perf_counter() - begin
            pairs = [(loaded, p) for loaded, p in zip(group, values, strict=True) if loaded.job not in finished]
            finish(*before)
            written = writers.map(lambda pair: _write(pair[0], pair[1], settings.threshold, encode), pairs)
            before = [loaded for loaded, _ in pairs], written
        finish(*before)
    return summary


def _ahead(items: Iterator[_Item], worker: ThreadPoolExecutor) -> Iterator[_Item]:
    """The items of an iterator; while the caller is busy with one, the worker gets the next."""
    coming = worker.submit(next, items, None)
    while (item := coming.result()) is not None:
        coming = worker.submit(next, items, None)
        yield item


@dataclass(frozen=True)
class _LoadedImage:
    """An image that was read: its job, its grey, the digest for its mask, and what was guessed."""

    job: PredictionJob
    grey: Grey
    digest: str
    notes: tuple[str, ...]


def _is_finished(job: PredictionJob, settings: PredictionSettings, runs: dict[str, str] | None) -> bool:
    """Whether the outputs of a job, which all exist, are what it would write; those of another program always are.

    With ``runs`` the mask is read back into them; one that cannot be read is not finished.
    """
    texts = _texts(job.mask)
    if texts.get(SOFTWARE) == PROGRAM:
        try:
            if texts.get(MADE_OF) != settings.digest(job.image.load()):
                return False
        except ImageError:  # reported when it is read
            return False
        if job.probability is not None and texts.get(PROBABILITY) != _sha256(job.probability):
            return False
    if runs is not None:
        encoded = _encoded(job.mask)
        if encoded is None:
            return False
        runs[job.image.stem] = encoded
    return True


def _encoded(mask: Path) -> str | None:
    """The run lengths of a mask file; None where it cannot be read."""
    try:
        return rle.encode(read_mask(mask.read_bytes(), str(mask)).salt)
    except (OSError, ImageError):
        return None


def _texts(mask: Path) -> dict[str, str]:
    """The texts in a PNG; none where it is no such file."""
    try:
        with Image.open(mask, formats=["PNG"]) as image:
            return {str(key): text for key, text in image.info.items() if isinstance(text, str)}
    except Exception:  # of broken images it raises many types, and all mean the same
        return {}


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _read(
    chunk: Sequence[PredictionJob], settings: PredictionSettings, fail: Callable[[PredictionJob, ImageError], None]
) -> Iterator[list[_LoadedImage]]:
    """The images of a chunk in groups of bounded size; those that cannot be read go to ``fail``."""
    group: list[_LoadedImage] = []
    for job in chunk:
        try:
            content = job.image.load()
            reading = read_image(content, job.image.name, limits=settings.limits)
        except ImageError as error:
            fail(job, error)
            continue
        if group and sum(loaded.grey.size for loaded in group) + reading.grey.size > CHUNK_PIXELS:
            yield group
            group = []
        group.append(_LoadedImage(job, reading.grey, settings.digest(content), reading.notes))
    if group:
        yield group


def _write(loaded: _LoadedImage, probability: Probability, threshold: float, encode: bool) -> str | None:
    """Writes the files of an image; with ``encode``, the run lengths of its mask."""
    mask = metrics.mask(probability, threshold)
    texts = PngImagePlugin.PngInfo()
    texts.add_text(SOFTWARE, PROGRAM)
    texts.add_text(MADE_OF, loaded.digest)
    npy, png = io.BytesIO(), io.BytesIO()
    if loaded.job.probability is not None:
        np.save(npy, probability, allow_pickle=False)
        texts.add_text(PROBABILITY, hashlib.sha256(npy.getbuffer()).hexdigest())
    Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(png, format="PNG", pnginfo=texts)
    # The mask first: it declares that the file beside it is this program's.
    write_atomically(loaded.job.mask, png.getbuffer())
    if loaded.job.probability is not None:
        write_atomically(loaded.job.probability, npy.getbuffer())
    return rle.encode(mask) if encode else None
