"""``python -m unet dossier``: what is known of every channel of a network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from unet.amplitude import limits_asked_for
from unet.card import Card
from unet.cli.checks import check_replaceable, check_writable, load_segmenter
from unet.cli.console import progress_bar, say
from unet.cli.options import Count, Flag, OptionalFile, UsageError, WeightsFile
from unet.data import pairing
from unet.data.places import labelled_place, shown
from unet.data.tiles import Tiles, read_tiles
from unet.explain import dossier as dossiers
from unet.explain.dossier import Dossier, DossierError
from unet.files.atomic import write_atomically
from unet.segmenter import shipped_weights

MOST_TILES = 20_000  # of synthetic ones that are in memory together, with their masks 0.4 GB


@dataclass(frozen=True)
class Options:
    """Compute a dossier of every channel of the network, which the app shows.

    It tells which tiles excite a channel most, how it responds to gain, shift and rotation, whether it is dead or a
    double of another, and its causal effect. It is for exploring, not for scoring. Of labelled tiles those held back
    from training are taken, where the card lists them, and nothing of them is stored but their ids. What was stopped
    goes on from the last site that was finished.
    """

    weights: WeightsFile = None
    data: Annotated[Path | None, arg(metavar="DATA", help_behavior_hint="")] = None
    """Labelled tiles of a survey, as for evaluate, beside the synthetic ones (default: synthetic ones alone)."""
    amplitude_limits: Annotated[tuple[float, float] | None, arg(metavar="LOW HIGH", help_behavior_hint="")] = None
    """The numbers that become black and white, where DATA holds amplitudes; HIGH before LOW reverses the polarity."""
    clip_percentile: Annotated[float | None, arg(metavar="P", help_behavior_hint="")] = None
    """Limits that leave out P per cent of the samples at each end, for example 0.5, taken over all of DATA."""
    synthetic: Count = 1000
    """Synthetic tiles in which the strongest responses are looked for."""
    effect_tiles: Count = 50
    """Tiles with salt over which the effect of each channel is measured: of DATA where it is given, else synthetic."""
    out: OptionalFile = None
    """The file to write (default: NAME.dossier.json beside the weights, where the app looks for it)."""
    overwrite: Flag = False
    """Replace a file that is there already and that this did not write."""


def run(options: Options) -> int:
    """Writes the dossier, whenever a site is finished.

    Args:
        options: of the command.

    Returns:
        The exit status.

    Raises:
        UsageError: the weights or the tiles cannot be used, or the file may not be written.
        OSError: the file cannot be written after all.
    """
    for name, count in (("synthetic", options.synthetic), ("effect-tiles", options.effect_tiles)):
        if not 1 <= count <= MOST_TILES:
            raise UsageError(f"expected --{name} to be a whole number from 1 to {MOST_TILES:,}, got {count}")
    weights = options.weights or shipped_weights()
    segmenter = load_segmenter(weights)
    out = options.out or dossiers.dossier_path(weights)
    begun = _begun(out, weights, options.overwrite)
    try:
        real, split = _labelled_tiles(options, segmenter.card) if options.data is not None else (None, "all")
        basis = dossiers.plan(segmenter, real, split, options.synthetic, options.effect_tiles)
    except ValueError as error:  # TileError, DataError and ImageError among them
        raise UsageError(error) from None
    if begun is not None and dossiers.goes_on(begun, segmenter, basis):
        say(f"{out}: goes on")
    with progress_bar() as bar:
        task = bar.add_task("dossier", total=dossiers.count_steps(segmenter, basis))
        for dossier in dossiers.investigate(segmenter, basis, real, begun, lambda steps: bar.advance(task, steps)):
            content = dossiers.encode_dossier(dossier)
            write_atomically(out, content)
    say(f"{out}: {_summary(dossier)}, {len(content) / 1e6:.2f} MB")
    return 0


def _begun(out: Path, weights: Path, overwrite: bool) -> Dossier | None:
    """The dossier that is there, None without one; raises ``UsageError`` where the file may not be replaced."""
    check_writable(out)
    if out.resolve() in {weights.resolve(), weights.with_suffix(".json").resolve()}:
        raise UsageError(f"{out}: expected a name for the dossier, got that of the weights or their card")
    if not out.exists():
        return None
    try:
        return dossiers.parse_dossier(out)
    except DossierError:
        if not overwrite:
            check_replaceable([out])
        return None


def _labelled_tiles(options: Options, card: Card) -> tuple[Tiles, str]:
    """The validation tiles of the card in DATA, or all tiles there where it has none of them; and which they are."""
    assert options.data is not None
    place = labelled_place(options.data)
    tiles = read_tiles(place, limits=limits_asked_for(options.amplitude_limits, options.clip_percentile))
    say(f"read {shown(place)}")
    for note in (*tiles.made(), *(f"warning: {note}" for note in tiles.notes)):
        say(note)
    wanted = card.split.val if card.split is not None else ()
    known = pairing.join(wanted, tiles.ids).known
    ids = list(dict.fromkeys(known[name] for name in wanted if name in known))
    if ids:
        say(f"{len(ids):,} validation tiles of the card's split are taken")
        return tiles.subset(ids), "val"
    say(f"no validation tiles of the card are there: all {len(tiles.ids):,} are taken")
    return tiles, "all"


def _summary(dossier: Dossier) -> str:
    channels = [channel for of_site in dossier.sites.values() for channel in of_site]
    dead = sum(channel.dead for channel in channels)
    doubles = sum(channel.double_of is not None for channel in channels)
    return f"{len(channels):,} channels, {dead:,} dead, {doubles:,} doubles of another"
