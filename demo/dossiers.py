"""The dossier of a channel for the viewer: what stands in the file beside the weights, and the tiles that it names.

Synthetic tiles are drawn from their seeds, and real ones where the data are there.  Nothing here knows Streamlit or
Gradio or stores anything of an image.
"""

import shlex
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from demo import images, places
from demo.images import SeismicImage
from demo.messages import Bytes, Response
from demo.viewer_requests import LONGEST_WORD, DossierRequest, RequestError
from demo.weights import WeightsKey
from unet.data.places import DEFAULT
from unet.explain import dossier as dossiers
from unet.explain.dossier import Basis, Channel, Dossier, DossierError, Peak
from unet.files.images import ImageError
from unet.files.listing import ImageFile
from unet.segmenter import Segmenter
from unet.synthetic import section


class DossierTile(Struct, frozen=True, kw_only=True):
    """A tile that excites a channel: (H, W) grey, with the pixel and the activation where that is highest.

    ``id`` is of a labelled tile, None of a synthetic one, and ``seed`` the other way round; ``sample`` is what a link
    calls a labelled tile.  Of one that is not there nothing is drawn, and ``height`` and ``width`` are 0.
    """

    seed: int | None
    id: str | None
    sample: str | None
    value: float
    row: int
    column: int
    height: int
    width: int
    grey: Bytes | None


class DossierResponse(Response, frozen=True):
    """The dossier of a channel of a site, whose maps are those of ``source``.

    Attributes:
        channels: how many the site has.
        rank: by the effect on the probability, from 1; None until all effects of the site are measured.
        is_double: whether it is a double of ``found.nearest``.
        found: what is known of it.
        basis: what that is of.
        synthetic, real: the tiles that it names.
    """

    site: str
    source: str
    channel: int
    channels: int
    rank: int | None
    is_double: bool
    found: Channel
    basis: Basis
    synthetic: list[DossierTile]
    real: list[DossierTile]


def respond(request: DossierRequest, segmenter: Segmenter, weights: WeightsKey) -> DossierResponse:
    """The dossier of a channel; raises ``RequestError`` where there is none, with what to do.

    Args:
        request: from the browser.
        segmenter: the chosen network.
        weights: the key of its weights.
    """
    path = Path(weights[0])
    try:
        dossier = find_dossier(path, segmenter.card.sha256)
    except DossierError as error:
        raise RequestError(f"{error}; {how_to_make(path)}") from None
    if dossier is None:
        raise RequestError(f"these weights have none yet; {how_to_make(path)}")
    source = dossiers.site_of(request.site)
    channels = dossier.sites.get(source, ())
    if request.channel >= len(channels):
        name = request.site[:LONGEST_WORD]
        raise RequestError(f"expected a channel that the dossier knows, got {name}, channel {request.channel}")
    found = channels[request.channel]
    return DossierResponse(
        id=request.id, site=request.site, source=source, channel=request.channel, channels=len(channels),
        rank=_rank(found, channels), is_double=found.double_of is not None, found=found, basis=dossier.basis,
        synthetic=[_synthetic_tile(peak) for peak in found.synthetic], real=_real_tiles(found.real),
    )  # fmt: skip


def find_dossier(weights: Path, sha256: str) -> Dossier | None:
    """As ``unet.explain.dossier.read_dossier``, read again only where the file has changed."""
    try:
        changed = dossiers.dossier_path(weights).stat().st_mtime_ns
    except OSError:
        return None
    return _read(weights, sha256, changed)


@lru_cache(maxsize=2)
def _read(weights: Path, sha256: str, changed: int) -> Dossier | None:
    """The dossier that was last ``changed`` then: a file of a megabyte, and each of its channels is looked at."""
    return dossiers.read_dossier(weights, sha256)


def how_to_make(weights: Path) -> str:
    """How to compute the dossier of some weights, to end a sentence with."""
    here = weights.relative_to(places.ROOT) if weights.is_relative_to(places.ROOT) else Path(weights.name)
    words = ["python", "-m", "unet", "dossier", "--weights", str(here)]
    if (places.ROOT / DEFAULT).exists():
        words += ["--data", str(DEFAULT)]
    return f"run {shlex.join(words)}"


def _rank(own: Channel, channels: Sequence[Channel]) -> int | None:
    effects = [channel.effect.change.value for channel in channels if channel.effect is not None]
    if own.effect is None or len(effects) < len(channels):
        return None
    return 1 + sum(effect > own.effect.change.value for effect in effects)


def _synthetic_tile(peak: Peak[int]) -> DossierTile:
    grey, _ = section(peak.tile)
    return DossierTile(
        seed=peak.tile, id=None, sample=None, **_place(peak), height=grey.shape[0], width=grey.shape[1], grey=grey
    )


def _real_tiles(peaks: Sequence[Peak[str]]) -> list[DossierTile]:
    try:
        found = images.find_labelled()
    except ValueError:  # of the data; the page says elsewhere what is wrong with them
        found = None
    files = {} if found is None else found.images
    return [_real_tile(peak, files.get(peak.tile)) for peak in peaks]


def _real_tile(peak: Peak[str], file: ImageFile | None) -> DossierTile:
    absent = DossierTile(
        seed=None, id=peak.tile, sample=images.TILE + peak.tile, **_place(peak), height=0, width=0, grey=None
    )
    if file is None:
        return absent
    try:
        image = SeismicImage(peak.tile, file.read_image().grey)
    except ImageError:  # which whoever opens the tile is told
        return absent
    height, width = image.grey.shape
    return msgspec.structs.replace(absent, height=height, width=width, grey=image.pixels)


def _place(peak: Peak[Any]) -> dict[str, Any]:
    return {"value": peak.value, "row": peak.row, "column": peak.column}
