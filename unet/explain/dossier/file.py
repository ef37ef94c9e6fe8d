"""The dossier of every channel of a network as a file beside its weights: its types, and how it is read.

``docs/dossier.md`` defines every measure.
"""

import math
import os
from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from unet import typed
from unet.bootstrap import Signed
from unet.typed import Count, Share, Word

LARGEST_DOSSIER = 8_000_000  # bytes; those of the shipped networks have less than a quarter
DOUBLE = 0.95  # from this correlation on, up or down, a channel counts as the double of another
DIGITS = 4  # of a number in the file

Seed = Annotated[int, Meta(ge=0, lt=2**31)]
Number = Annotated[float, Meta(ge=-1e15, le=1e15)]
Position = Annotated[int, Meta(ge=0, lt=2**15)]
Tile = TypeVar("Tile")
_Amounts = Annotated[tuple[Number, ...], Meta(min_length=1, max_length=50)]


class DossierError(ValueError):
    """A dossier that cannot be used; the message says why."""


class RealTiles(Struct, frozen=True):
    """Labelled tiles: the part of the weights' split, how many, and the sha256 of their ids and greys."""

    split: Literal["val", "all"]
    count: Count
    digest: Word


class Basis(Struct, frozen=True, kw_only=True):
    """What a dossier was made of: the same basis gives the same dossier, but for rounding on another processor.

    Attributes:
        sha256: of the tensors of the network.
        first_seed, synthetic: the synthetic tiles are those of so many seeds from the first on.
        real: labelled tiles of a survey; None without.
        effect_of, effect_tiles: which tiles with salt the effects were measured on, and how many.
        sections: how many synthetic sections the curves are of.
        gains: factors of the contrast.
        shifts: in pixels, sideways.
        angles: in degrees, counter-clockwise.
    """

    sha256: Word
    first_seed: Seed
    synthetic: Count
    real: RealTiles | None
    effect_of: Literal["synthetic", "real"]
    effect_tiles: Count
    sections: Count
    gains: _Amounts
    shifts: _Amounts
    angles: _Amounts


class Peak(Struct, Generic[Tile], frozen=True, array_like=True):
    """The highest value of a channel in a tile.

    Attributes:
        tile: the seed of a synthetic tile, or the id of a real one.
        value: the highest activation.
        row, column: the pixel of the tile in the middle of its cell.
    """

    tile: Tile
    value: Number
    row: Position
    column: Position


class Nearest(Struct, frozen=True, array_like=True):
    """The channel of the same site that resembles one most: its number, and the correlation over all positions."""

    channel: Count
    correlation: Signed


class Curve(Struct, frozen=True, kw_only=True):
    """How a channel responds as the input changes, a number for each amount.

    Attributes:
        activation: the mean absolute activation as a multiple of that of the unchanged input; None where that is 0.
        correlation: the correlation with the map of the unchanged input, turned or shifted back; None where one of them
            is the same everywhere.
    """

    activation: tuple[Number | None, ...]
    correlation: tuple[Signed | None, ...]


class Estimate(Struct, frozen=True, array_like=True):
    """A mean over tiles, and its 95 % interval; see ``unet.bootstrap``."""

    value: Signed
    low: Signed
    high: Signed


class Effect(Struct, frozen=True, kw_only=True):
    """What happens when the channel alone is 0.

    Attributes:
        change: of a pixel's probability, absolute.
        iou: of the IoU with the ground truth at the card's threshold; below 0 where it falls.
    """

    change: Estimate
    iou: Estimate


class Channel(Struct, frozen=True, kw_only=True):
    """What is known of a channel.

    Attributes:
        dead: whether it has one value at every position of every tile; behind a ReLU that is 0.
        highest: the highest activation in any tile.
        active: the share of positions above 0.
        nearest: the channel that resembles it most; None where it is dead, or all others are.
        synthetic, real: the tiles with the highest activations, highest first; not those where it only has its lowest.
        gain, shift, rotation: the curves over the basis' ``gains``, ``shifts`` and ``angles``.
        effect: None until it is measured.
    """

    dead: bool
    highest: Number
    active: Share
    nearest: Nearest | None
    synthetic: Annotated[tuple[Peak[Seed], ...], Meta(max_length=20)]
    real: Annotated[tuple[Peak[Word], ...], Meta(max_length=20)]
    gain: Curve
    shift: Curve
    rotation: Curve
    effect: Effect | None = None

    @property
    def double_of(self) -> Nearest | None:
        """The channel that it is a double of, if any."""
        return self.nearest if self.nearest is not None and abs(self.nearest.correlation) > DOUBLE else None


class Dossier(Struct, frozen=True, kw_only=True):
    """All channels of every site but the skips, which are their encoders' maps, and the logits."""

    basis: Basis
    sites: dict[str, tuple[Channel, ...]]

    def __post_init__(self) -> None:
        """Raises ``ValueError`` where a curve has not one point for each amount, or a channel that is named is none."""
        basis = self.basis
        for site, channels in self.sites.items():
            for number, channel in enumerate(channels):
                if channel.nearest is not None and channel.nearest.channel >= len(channels):
                    raise ValueError(
                        f"expected a channel of {site[:40]} below {len(channels)} nearest to channel {number}, got "
                        f"{channel.nearest.channel}"
                    )
                curves = ((channel.gain, basis.gains), (channel.shift, basis.shifts), (channel.rotation, basis.angles))
                for curve, amounts in curves:
                    if not len(curve.activation) == len(curve.correlation) == len(amounts):
                        raise ValueError(
                            f"expected {len(amounts)} points in a curve of {site[:40]}, channel {number}, got "
                            f"{len(curve.activation)} and {len(curve.correlation)}"
                        )

    @property
    def is_finished(self) -> bool:
        """Whether every effect is measured."""
        return all(channel.effect is not None for channels in self.sites.values() for channel in channels)


def dossier_path(weights: Path) -> Path:
    """Where the dossier of NAME.safetensors is: NAME.dossier.json beside it."""
    return weights.with_suffix(".dossier.json")


def site_of(site: str) -> str:
    """The site whose channels a site has: a skip hands on what its encoder computes.

    Example:
        >>> site_of("skip2"), site_of("up2")
        ('encoder2', 'up2')
    """
    return site.replace("skip", "encoder")


def encode_dossier(dossier: Dossier) -> bytes:
    """A dossier as JSON, for ``parse_dossier``."""
    return msgspec.json.encode(dossier) + b"\n"


def parse_dossier(path: Path) -> Dossier:
    """Reads a dossier, which is not trusted.

    Raises:
        DossierError: it is missing, too large, no JSON, or no dossier; the message starts with the file's name.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > LARGEST_DOSSIER:
                raise ValueError(f"expected at most {LARGEST_DOSSIER:,} bytes, got {size:,}")
            content = file.read(size)
        return typed.convert(typed.parse(content), Dossier)
    except OSError as error:
        raise DossierError(f"{path.name}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise DossierError(f"{path.name}: not a dossier ({error})") from None


def read_dossier(weights: Path, sha256: str) -> Dossier | None:
    """The dossier of some weights; None where there is none.

    Args:
        weights: NAME.safetensors.
        sha256: of their tensors, as their card has it; the dossier must be of the same.

    Raises:
        DossierError: it is damaged, or of other weights.
    """
    path = dossier_path(weights)
    if not path.is_file():
        return None
    found = parse_dossier(path)
    if found.basis.sha256 != sha256:
        raise DossierError(f"{path.name}: the dossier of other weights than these; compute it again")
    return found


def rounded(value: float) -> float:
    """A number as the file has it."""
    return float(f"{value:.{DIGITS}g}")


def rounded_or_none(value: float) -> float | None:
    """The same; None for what is not finite."""
    return rounded(value) if math.isfinite(value) else None
