"""How a dossier is made: all maps of the tiles first, then the effects, site by site."""

import hashlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from unet import bootstrap
from unet.data.tiles import Tiles
from unet.explain.dossier.activations import Peaks, Totals, watch
from unet.explain.dossier.curves import ANGLES, GAINS, SHIFTS, measure_curves
from unet.explain.dossier.effects import measure_effects
from unet.explain.dossier.file import Basis, Channel, Dossier, Nearest, Peak, RealTiles, Tile, rounded
from unet.model import UNet
from unet.segmenter import Segmenter
from unet.synthetic import sections

FIRST_SEED = 1_500_000_000  # no training draws these sections, no evaluation, and the app shows others
SECTIONS = 25  # that the curves are of
TOP = 5  # tiles of each kind that a channel names


class TileError(ValueError):
    """Tiles that no dossier can be made of; the message says why."""


def sites(model: UNet) -> dict[str, int]:
    """The sites that a dossier tells of, and how many channels each has: all but the skips and the logits."""
    return {site.name: site.channels for site in model.sites() if not site.name.startswith(("skip", "logits"))}


def plan(segmenter: Segmenter, real: Tiles | None, split: str, synthetic: int = 1000, effect_tiles: int = 50) -> Basis:
    """What a dossier is going to be made of.

    Args:
        segmenter: the network.
        real: labelled tiles; None for a dossier of synthetic tiles alone.
        split: ``val`` where they are the validation tiles of the card's split, else ``all``.
        synthetic: how many synthetic tiles, at least one.
        effect_tiles: how many tiles the effects are measured on at most, at least one: real ones where there are.

    Raises:
        TileError: none of the tiles for the effects has salt.
    """
    basis = Basis(
        sha256=segmenter.card.sha256, first_seed=FIRST_SEED, synthetic=synthetic,
        real=None if real is None else RealTiles(split, len(real.ids), _digest(real)),  # type: ignore[arg-type]
        effect_of="synthetic" if real is None else "real", effect_tiles=effect_tiles,
        sections=SECTIONS,
        gains=GAINS, shifts=tuple(map(float, SHIFTS)), angles=tuple(map(float, ANGLES)),  # as they are read again
    )  # fmt: skip
    return replace(basis, effect_tiles=len(_effect_tiles(basis, real).ids))


def goes_on(begun: Dossier, segmenter: Segmenter, basis: Basis) -> bool:
    """Whether a dossier was begun of this network and this basis, and is not finished."""
    counts = {name: len(channels) for name, channels in begun.sites.items()}
    return begun.basis == basis and counts == sites(segmenter.model) and not begun.is_finished


def count_steps(segmenter: Segmenter, basis: Basis) -> int:
    """How far ``advance`` goes in all: how many forward passes, or parts of one, a whole dossier takes."""
    real = 0 if basis.real is None else basis.real.count
    windows = 1 + len(basis.gains) + len(basis.shifts) + len(basis.angles)
    effects = basis.effect_tiles * sum(sites(segmenter.model).values())
    return basis.synthetic + real + basis.sections * windows + effects


def investigate(
    segmenter: Segmenter,
    basis: Basis,
    real: Tiles | None = None,
    begun: Dossier | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Iterator[Dossier]:
    """Makes a dossier, and gives it whenever it knows more: first without effects, then with those of one more site.

    Args:
        segmenter: the network.
        basis: from ``plan``.
        real: the labelled tiles that it was planned with.
        begun: a dossier that an earlier call gave; one that ``goes_on`` is finished, another one made anew.
        advance: called with the number of steps that are done.

    Yields:
        Dossiers; the last one is finished.
    """
    if begun is None or not goes_on(begun, segmenter, basis):
        dossier = Dossier(basis=basis, sites=_observe(segmenter, basis, real, advance))
        yield dossier
    else:
        dossier = begun
        advance(count_steps(segmenter, basis) - basis.effect_tiles * sum(sites(segmenter.model).values()))
    tiles = _effect_tiles(basis, real)
    of_unit = bootstrap.units(tiles.ids, segmenter.card.split.val_sections if segmenter.card.split else {})
    for name, channels in dossier.sites.items():
        if all(channel.effect is not None for channel in channels):
            advance(basis.effect_tiles * len(channels))
            continue
        effects = measure_effects(segmenter, name, tiles, of_unit, advance)
        known = tuple(replace(channel, effect=effect) for channel, effect in zip(channels, effects, strict=True))
        dossier = replace(dossier, sites=dossier.sites | {name: known})
        yield dossier


def _observe(
    segmenter: Segmenter, basis: Basis, real: Tiles | None, advance: Callable[[int], None]
) -> dict[str, tuple[Channel, ...]]:
    """All but the effects."""
    counts = sites(segmenter.model)
    totals = {name: Totals(channels) for name, channels in counts.items()}
    drawn = _synthetic(basis)
    synthetic_peaks = watch(segmenter, drawn.images, totals, advance)
    seeds = [basis.first_seed + i for i in range(basis.synthetic)]
    real_peaks: dict[str, Peaks] = {}
    if real is not None:
        shown = np.ptp(real.images, axis=(1, 2)) > 0  # of one single grey nothing can be said
        ids = [name for name, is_shown in zip(real.ids, shown, strict=True) if is_shown]
        real_peaks = watch(segmenter, real.images[shown], totals, advance)
        advance(int((~shown).sum()))
    # Sections that none of the tiles is drawn from.
    curves = measure_curves(
        segmenter, list(counts), [basis.first_seed + basis.synthetic + i for i in range(basis.sections)], advance,
        basis.gains, [int(shift) for shift in basis.shifts], basis.angles,
    )  # fmt: skip
    found: dict[str, tuple[Channel, ...]] = {}
    for name, total in totals.items():
        dead, nearest = total.dead, _nearest(total.correlations())
        lowest = np.where(dead, np.inf, total.lowest)
        found[name] = tuple(
            Channel(
                dead=bool(dead[own]),
                highest=rounded(float(total.highest[own])),
                active=rounded(float(total.active[own])),
                nearest=nearest[own],
                synthetic=_top(synthetic_peaks[name], seeds, own, lowest[own]),
                real=_top(real_peaks[name], ids, own, lowest[own]) if name in real_peaks else (),
                gain=gain,
                shift=shift,
                rotation=rotation,
            )  # fmt: skip
            for own, (gain, shift, rotation) in enumerate(curves[name])
        )
    return found


def _top(peaks: Peaks, names: Sequence[Tile], channel: int, lowest: float) -> tuple[Peak[Tile], ...]:
    """The tiles in which a channel is highest; of equal ones the first."""
    values = peaks.values[:, channel]
    order = np.argsort(-values, kind="stable")[:TOP]
    return tuple(
        Peak(names[i], rounded(float(values[i])), int(peaks.rows[i, channel]), int(peaks.columns[i, channel]))
        for i in order
        if values[i] > lowest
    )


def _nearest(correlations: NDArray[np.float64]) -> list[Nearest | None]:
    """Of every channel the other with the largest correlation, up or down; of equal ones the first."""
    size = np.abs(correlations)
    np.fill_diagonal(size, np.nan)
    size = np.nan_to_num(size, nan=-1)
    others = size.argmax(1)
    return [
        Nearest(int(other), rounded(float(correlations[own, other]))) if size[own, other] >= 0 else None
        for own, other in enumerate(others)
    ]


def _synthetic(basis: Basis) -> Tiles:
    images, masks = sections(basis.synthetic, basis.first_seed)
    return Tiles([str(basis.first_seed + i) for i in range(basis.synthetic)], images, masks)


def _effect_tiles(basis: Basis, real: Tiles | None) -> Tiles:
    """Tiles with salt, spread evenly over all of them."""
    tiles = _synthetic(basis) if real is None else real
    salty = np.flatnonzero(tiles.masks.any(axis=(1, 2)))
    if not len(salty):
        raise TileError(f"expected tiles with salt to measure effects on, got none among {len(tiles.ids):,}")
    rows = salty[np.linspace(0, len(salty) - 1, min(basis.effect_tiles, len(salty))).round().astype(int)]
    return tiles.subset([tiles.ids[row] for row in rows])


def _digest(tiles: Tiles) -> str:
    digest = hashlib.sha256("\n".join(tiles.ids).encode())
    digest.update(tiles.images.tobytes())
    digest.update(tiles.masks.tobytes())
    return digest.hexdigest()
