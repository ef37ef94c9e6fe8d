"""Weights to choose from, as they lie on disk."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from demo import places
from unet.card import Card
from unet.checkpoint import CheckpointError, read_card
from unet.segmenter import Segmenter, shipped_weights

WeightsKey: TypeAlias = tuple[str, int, str]  # path, time of its last change in ns, sha256 of its tensors


class WeightsError(ValueError):
    """Weights that cannot be used; the message is one sentence that starts with their name."""


@dataclass(frozen=True)
class Weights:
    """Weights to choose from: where they are and what their card says."""

    path: Path
    name: str
    card: Card

    @property
    def key(self) -> WeightsKey:
        """Changes whenever the files do, so that a cache does not serve old weights."""
        return str(self.path), self.path.stat().st_mtime_ns, self.card.sha256

    @property
    def label(self) -> str:
        """Name, size and headline score, for a list."""
        parts = [self.name]
        if self.card.parameters is not None:
            parts.append(f"{self.card.parameters / 1e6:.2f} M parameters")
        claim = self.card.claim
        if claim:
            parts.append(f"{claim.split} {claim.metric} {claim.value:.3f}{', flip TTA' if claim.tta else ''}")
        return " · ".join(parts)

    @property
    def claim(self) -> str:
        """The headline score with everything it depends on; empty where the card makes none."""
        claim = self.card.claim
        if not claim:
            return ""
        tta = ""
        if claim.tta:
            tta = ", with flip TTA (mean with the mirrored image)"
            scores = self.card.metrics.get(claim.split, {})
            if claim.metric in scores:
                tta += f"; without it {scores[claim.metric]:.3f}"
        error = f" (95 % interval {claim.interval.low:.3f} to {claim.interval.high:.3f})" if claim.interval else ""
        return (
            f"{claim.metric} {claim.value:.3f}{error} on {claim.count} {claim.split} tiles "
            f"at threshold {claim.threshold:.2f}{tta}"
        )


@lru_cache(maxsize=4)
def load_segmenter(key: WeightsKey) -> Segmenter:
    """One network for all users: it remembers nothing of an image, so nobody sees another's."""
    return Segmenter.load(key[0])


def open_weights(weights: Weights) -> tuple[WeightsKey, Segmenter]:
    """The key of weights and their network; ``WeightsError`` where their files do not fit together or are gone."""
    try:
        key = weights.key
        return key, load_segmenter(key)
    except OSError:
        raise WeightsError(f"{weights.name}: expected {weights.path.name}, got no file that can be read") from None
    except ValueError as error:  # of the checkpoint, or of what its card says
        raise WeightsError(f"{weights.name}: {str(error).removeprefix(f'{weights.path}: ')}") from None


def find_weights(root: Path | None = None) -> list[Weights]:
    """All weights with a readable card: the shipped ones, those in weights/, those in runs/ newest first.

    Args:
        root: the folder that holds ``weights`` and ``runs``; by default ``places.ROOT``.
    """
    root, shipped = root or places.ROOT, shipped_weights()
    runs = sorted((root / "runs").rglob("*.safetensors"), key=lambda path: path.stat().st_mtime, reverse=True)
    found: dict[Path, Weights] = {}
    folders = (shipped.parent, root / "weights")
    beside = (path for folder in folders for path in sorted(folder.glob("*.safetensors")))
    for path in (shipped, *beside, *runs):
        if not path.is_file() or path.resolve() in found:
            continue
        try:
            card = read_card(path)
        except CheckpointError:
            continue  # a file of tensors that no card explains cannot be rebuilt
        name = path.stem
        if path.parent not in folders or any(weights.name == name for weights in found.values()):
            name = str(path.relative_to(root).with_suffix(""))
        found[path.resolve()] = Weights(path, name, card)
    return list(found.values())
