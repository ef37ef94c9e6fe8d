"""The probability of salt in a survey: a store that is made, filled block by block, and taken up again after a stop."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from unet.segmenter import Segmenter
from unet.seismic import store as stores
from unet.seismic.blocks import Direction, Job, check_worker, predict_block, version
from unet.seismic.damage import DamagedTrace
from unet.seismic.engine import ClusterError, Engine
from unet.seismic.section import SectionSettings
from unet.seismic.store import Along, Store, block_sizes
from unet.seismic.volume import SegyVolume, Volume

# Of a worker in bytes, measured: PyTorch, the network and what a section takes, and then copies of the block.
WORKER, COPIES = 540_000_000, 5


class DamageError(ValueError):
    """A trace that cannot be used, in a run that is not to leave any out."""


@dataclass(frozen=True)
class Request:
    """What is to be predicted.

    Attributes:
        volume: the line or cube.
        weights: NAME.safetensors.
        segmenter: the network of these weights.
        settings: how a section is shown to it.
        direction: the sections that are predicted; of both the mean is taken.
        tolerant: whether a damaged trace is taken as a missing one.
    """

    volume: Volume
    weights: Path
    segmenter: Segmenter
    settings: SectionSettings
    direction: Direction = "inline"
    tolerant: bool = False

    @property
    def attributes(self) -> dict[str, Any]:
        """All that decides the answer, as JSON can hold it; kept in the store."""
        settings, volume = self.settings, self.volume
        size, modified = _size(volume.path)
        reading: dict[str, Any] = {}
        if isinstance(volume, SegyVolume):
            file = volume.file
            reading = {
                "format": file.format,
                "endian": file.endian,
                "samples": file.samples,
                "bytes": volume.geometry.bytes and list(volume.geometry.bytes),
            }
        return {
            "version": version(),
            "source": {"name": volume.path.name, "size": size, "modified": modified},
            "reading": reading,
            "sample_interval": volume.interval,
            "limits": list(settings.limits),
            "scales": [list(scale) for scale in settings.scales],
            "polarity": settings.polarity,
            "tta": settings.tta,
            "direction": self.direction,
            "weights": {"name": self.weights.name, "sha256": self.segmenter.card.sha256},
            "runtime": self.segmenter.runtime,
        }

    @property
    def predicted(self) -> tuple[Along, ...]:
        """The kinds of sections that go through the network."""
        return ("inline", "crossline") if self.direction == "both" else (self.direction,)

    @property
    def memory(self) -> int:
        """Bytes that a worker takes, about."""
        crosslines, samples = self.volume.shape[1:]
        inlines, adjacent = block_sizes(self.volume.shape)
        block = inlines * crosslines * samples
        if self.direction != "inline":
            block = max(block, adjacent * len(self.volume.inlines) * samples)
        return WORKER + COPIES * 4 * block


def open_store(request: Request, path: Path, resume: bool) -> Store:
    """The store of a request: a new one, or with ``resume`` the one that an earlier run left.

    Raises:
        StoreError: there is one and it is not to be, or not of the same request.
        OSError: it cannot be made.
    """
    if path.exists():
        if not resume:
            raise stores.StoreError(
                f"{path}: expected no store yet, got one; --resume goes on with it, --overwrite begins again"
            )
        return stores.take_up(path, request.attributes)
    return Store.create(path, request.volume, request.attributes, request.direction != "inline")


def predict(request: Request, store: Store, engine: Engine, advance: Callable[[int], None]) -> list[DamagedTrace]:
    """Predicts what is not done yet.

    Args:
        request: as the store was made for.
        store: where the probability goes.
        engine: what computes.
        advance: told after each block how many sections it had.

    Returns:
        The damaged traces of the whole survey, which were left out.

    Raises:
        DamageError: there is one, and the request is not tolerant.
        ClusterError: the workers cannot do it, or are lost.
        OSError: a file cannot be read or written.
    """
    volume = request.volume
    job = Job(
        source=volume.path.resolve(),
        size=_size(volume.path)[0],
        segy=replace(volume.file, path=volume.path.resolve()) if isinstance(volume, SegyVolume) else None,
        store=store.path.resolve(),
        weights=request.weights.resolve(),
        sha256=request.segmenter.card.sha256 or "",
        runtime=request.segmenter.runtime,
        settings=request.settings,
        direction=request.direction,
        tolerant=request.tolerant,
    )
    _check(engine, job)
    # Crosslines first: the blocks of inlines hold what they gave, or the mean with it.
    passes: tuple[Along, ...] = ("inline",) if request.direction == "inline" else ("crossline", "inline")
    for along in passes:
        for block, damaged in engine.run(partial(predict_block, job), store.unfinished(along)):
            if damaged and not request.tolerant:
                raise DamageError(_sentence(volume, damaged))
            if along in request.predicted:
                advance(block.sections)
    damaged = store.damaged()
    store.drop_crosslines()
    return damaged


def sections_to_do(request: Request, store: Store) -> int:
    """How many sections are left to predict."""
    return sum(block.sections for along in request.predicted for block in store.unfinished(along))


def _sentence(volume: Volume, damaged: list[DamagedTrace]) -> str:
    more = f" and in {len(damaged) - 1:,} more traces near it" if len(damaged) > 1 else ""
    return (
        f"{volume.path.name}: expected finite samples, got NaN or infinity in {damaged[0]}{more}; "
        "--tolerant takes damaged traces as missing, and --resume goes on from here"
    )


def _check(engine: Engine, job: Job) -> None:
    """Raises ``ClusterError`` where the machines of a cluster cannot do a job."""
    for scheduler in (True, False):
        for address, found in engine.ask(version, scheduler).items():
            if found != version():
                raise ClusterError(
                    f"expected salt-unet {version()} everywhere, got {found} on {address}; install the same there"
                )
    for address, problem in engine.ask(partial(check_worker, job)).items():
        if problem:
            raise ClusterError(
                "expected every worker to see the input, the weights and the store by the same names, got on "
                f"{address}: {problem}"
            )


def _size(path: Path) -> tuple[int, int]:
    """Bytes, and nanoseconds since 1970 of the last change, of a file or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    found = [file.stat() for file in files]
    return sum(one.st_size for one in found), max((one.st_mtime_ns for one in found), default=0)
