"""What the network computes for a request from the viewer in the browser, whichever page brings it.

Nothing here knows Streamlit or Gradio or stores anything of an image.
"""

import base64
import binascii
import threading
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from demo import dossiers, snapshots
from demo.cache import find_probability
from demo.images import SAMPLES, SeismicImage, open_sample
from demo.messages import ImageResponse, Response
from demo.viewer_requests import (
    LONGEST_WORD,
    Box,
    CutsRequest,
    DossierRequest,
    EffectsRequest,
    EpochsRequest,
    FaithfulnessRequest,
    FormedRequest,
    ImageRequest,
    MapsRequest,
    OtherRequest,
    PixelRequest,
    PredictRequest,
    Request,
    RequestError,
    SmoothRequest,
    TtaRequest,
    UncertaintyRequest,
    read_request,
)
from demo.viewer_responses import (
    Cam,
    CutsResponse,
    EffectsResponse,
    EpochsResponse,
    FaithfulnessResponse,
    Floats,
    FormedResponse,
    MapsResponse,
    OtherResponse,
    PixelResponse,
    PredictResponse,
    Refusal,
    SiteMaps,
    SmoothResponse,
    TtaResponse,
    UncertaintyResponse,
)
from demo.weights import WeightsError, WeightsKey, find_weights, open_weights
from unet import explain, tiling
from unet.files.printable import printable
from unet.image import Grey, Mask
from unet.margin import margin
from unet.model import Site
from unet.segmenter import Segmenter

AT_ONCE = threading.Semaphore(2)  # requests: every one uses all cores, and a gradient takes 200 MB
TWELVE_BITS = 4095

_Value = TypeVar("_Value", bound=np.generic)


def respond(content: object, image: SeismicImage, segmenter: Segmenter, key: str, weights: WeightsKey) -> Response:
    """What the network computes for a request from the browser.

    Args:
        content: what came; not trusted.
        image: the image that is open.
        segmenter: the chosen network.
        key: of the message about the two; a request about another image is refused.
        weights: the key of the network's weights, by which probabilities are cached.

    Returns:
        The response with the request's ``id``, or a ``Refusal``.
    """
    number = content.get("id") if isinstance(content, dict) else None
    try:
        request = read_request(content)
        if isinstance(request, ImageRequest):
            return ImageResponse(id=request.id)
        if request.key != key:
            raise RequestError("another image was opened")
        part = window(image.grey, *request.window)
        outside = window(image.margin, *request.window)
        if isinstance(request, DossierRequest):
            return dossiers.respond(request, segmenter, weights)
        with AT_ONCE:
            if isinstance(request, TtaRequest):
                return TtaResponse(id=request.id, probability=find_probability(image, segmenter, weights, tta=True))
            if isinstance(request, OtherRequest):
                return _other(request, image)
            is_of_all_epochs = isinstance(request, EpochsRequest | FormedRequest)
            network = segmenter if is_of_all_epochs else _network(request, segmenter, weights)
            if request.input:
                part, outside = _changed(request, image)
            match request:
                case PredictRequest():
                    probability = network.probability(part)
                    probability[outside] = 0  # as for cuts
                    return PredictResponse(id=request.id, probability=probability)
                case MapsRequest():
                    return _maps(request, part, network)
                case CutsRequest():
                    return _cuts(request, part, network, outside)
                case EffectsRequest():
                    return _effects(request, part, network)
                case PixelRequest():
                    return explain_pixel(request, part, network)
                case SmoothRequest():
                    box = _box_in_window(request, part)
                    smooth = explain.smooth_gradient(network, part, box, request.samples, seed=request.seed)
                    return SmoothResponse(id=request.id, gradient=smooth)
                case FaithfulnessRequest():
                    return _faithfulness(request, part, network)
                case UncertaintyRequest():
                    return _uncertainty(request, part, network, outside)
                case EpochsRequest():
                    return _epochs(request, part, segmenter, weights, outside)
                case FormedRequest():
                    return _formed(request, part, segmenter, weights)
    except RequestError as error:
        return Refusal(id=number if isinstance(number, int) else None, error=printable(str(error)))


def window(values: NDArray[_Value], top: int | None, left: int | None) -> NDArray[_Value]:
    """The part of an (H, W) image that is opened up: from a row and a column on, at most 128 pixels a side."""
    if top is None or left is None:
        raise RequestError(f"expected whole numbers for the window, got top {top} and left {left}")
    try:
        return tiling.window(values, top, left)
    except ValueError as error:
        raise RequestError(str(error)) from None


def changed_input(text: str, shape: tuple[int, ...]) -> Grey:
    """The (H, W) grey of a window as a user changed it, from Base64; raises ``RequestError`` where it is none."""
    try:
        levels = np.frombuffer(base64.b64decode(text, validate=True), np.uint8).reshape(shape)
    except (binascii.Error, ValueError):
        expected = " x ".join(map(str, shape))
        raise RequestError(f"expected a changed input of {expected} bytes in Base64, got something else") from None
    return levels.astype(np.float32) / np.float32(255)


def _changed(request: Request, image: SeismicImage) -> tuple[Grey, Mask]:
    """The window as a user changed it, and what of it is no section."""
    grey, outside = window(image.grey, *request.window), window(image.margin, *request.window)
    part = changed_input(request.input, grey.shape)
    missing = np.zeros_like(outside) if image.missing is None else window(image.missing, *request.window)
    drawn = np.where(missing, np.float32(1), np.rint(grey * 255) / np.float32(255))
    # A pixel that looks as before is what it was: margin, or not recorded: drawn white, and filled for the network.
    same = part == drawn
    part = np.where(missing & same, grey, part)
    return part, margin(part) | (outside & same)


def _network(request: Request, segmenter: Segmenter, weights: WeightsKey) -> Segmenter:
    """The network that responds: the chosen one, the same with random weights, or a snapshot of it."""
    if request.epoch is None:
        return random_twin(segmenter) if request.random else segmenter
    if request.random:
        raise RequestError(f"expected random weights or epoch {request.epoch}, got both")
    return snapshots.open_snapshot(segmenter, weights, request.epoch)


@lru_cache(maxsize=4)
def random_twin(segmenter: Segmenter) -> Segmenter:
    """The same network before it learned anything; one for all users, like the network itself."""
    return explain.random_twin(segmenter)


def one_of(name: str, known: Iterable[str]) -> str:
    """A name that is known; raises ``RequestError`` where it is not."""
    if name not in known:
        raise RequestError(f"expected one of {', '.join(known)}, got {str(name)[:LONGEST_WORD]}")
    return name


def known_site(name: str, segmenter: Segmenter) -> Site:
    """A site with feature maps; raises ``RequestError`` where the network has none of this name."""
    sites = {site.name: site for site in segmenter.model.sites() if site.name != "logits"}
    return sites[one_of(name, sites)]


def known_cuts(names: Iterable[str], segmenter: Segmenter) -> tuple[str, ...]:
    """The parts to cut, in the network's order; raises ``RequestError`` where one is none of its parts."""
    parts = explain.parts(segmenter)
    wanted = {one_of(name, parts) for name in names}
    return tuple(name for name in parts if name in wanted)


def find_fill(name: str, shape: tuple[int, ...]) -> explain.Fill:
    """What stands in for what is cut: zero, mean, or a sample, stretched to (H, W) where it has another size."""
    if name == "zero" or name == "mean":
        return name  # type: ignore[return-value]  # mypy does not narrow text to a literal
    image = open_sample(one_of(name, ("zero", "mean", *SAMPLES))).grey
    if image.shape == shape:
        return image
    return cv2.resize(image, shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)


def _maps(request: MapsRequest, part: Grey, segmenter: Segmenter) -> MapsResponse:
    sample = None if request.sample is None else open_sample(one_of(request.sample, SAMPLES))
    if sample:
        part = sample.grey
    cuts, fill = known_cuts(request.cuts, segmenter), find_fill(request.fill, part.shape)
    replaced = explain.replacements(segmenter, part, fill) if cuts else {}
    trace = segmenter.trace(part, {name: replaced[name] for name in cuts})
    sites = [name for name in trace.sites if not name.startswith("skip") or name in cuts]
    maps = {name: quantise(trace.crop(name)) for name in sites}
    return MapsResponse(id=request.id, sites=maps, grey=sample.pixels if sample else None)


def _cuts(request: CutsRequest, part: Grey, segmenter: Segmenter, outside: NDArray[np.bool_]) -> CutsResponse:
    table = explain.cut_table(segmenter, part, find_fill(request.fill, part.shape))
    table[:, outside] = 0  # a window may cut a margin so that nobody could tell it is one
    high, low = _two_planes(table)
    return CutsResponse(
        id=request.id, parts=explain.parts(segmenter), height=part.shape[0], width=part.shape[1], high=high, low=low,
    )  # fmt: skip


def _epochs(
    request: EpochsRequest, part: Grey, segmenter: Segmenter, weights: WeightsKey, outside: NDArray[np.bool_]
) -> EpochsResponse:
    table = np.stack([network.trace(part).probability for network in snapshots.networks(segmenter, weights)])
    table[:, outside] = 0  # as for cuts
    high, low = _two_planes(table)
    return EpochsResponse(
        id=request.id, height=part.shape[0], width=part.shape[1], high=high, low=low,
        validation=snapshots.validation_iou(segmenter, weights),
    )  # fmt: skip


def _formed(request: FormedRequest, part: Grey, segmenter: Segmenter, weights: WeightsKey) -> FormedResponse:
    site = known_site(request.site, segmenter)
    if request.channel >= site.channels:
        raise RequestError(f"expected a channel of {site.name} from 0 to {site.channels - 1}, got {request.channel}")
    traces = (network.trace(part) for network in snapshots.networks(segmenter, weights))
    maps = np.stack([trace.crop(site.name)[request.channel] for trace in traces])
    return FormedResponse(id=request.id, maps=quantise(maps))


def _effects(request: EffectsRequest, part: Grey, segmenter: Segmenter) -> EffectsResponse:
    site, last = known_site(request.site, segmenter), request.first + request.count - 1
    if last >= site.channels:
        raise RequestError(
            f"expected channels of {site.name} from 0 to {site.channels - 1}, got {request.first} to {last}"
        )
    effect = explain.channel_effects(segmenter, part, site.name, range(request.first, last + 1))
    return EffectsResponse(id=request.id, site=site.name, effect=effect)


def _uncertainty(
    request: UncertaintyRequest, part: Grey, segmenter: Segmenter, outside: NDArray[np.bool_]
) -> UncertaintyResponse:
    spread = explain.uncertainty(segmenter, part)
    spread[outside] = 0  # as for cuts
    return UncertaintyResponse(id=request.id, height=part.shape[0], width=part.shape[1], spread=spread)


def _other(request: OtherRequest, image: SeismicImage) -> OtherResponse:
    found = {weights.name: weights for weights in find_weights()}
    weights = found[one_of(request.weights, found)]
    try:
        key, segmenter = open_weights(weights)
    except WeightsError as error:
        raise RequestError(str(error)) from None
    return OtherResponse(
        id=request.id, name=weights.name, label=weights.label, threshold=segmenter.threshold,
        probability=find_probability(image, segmenter, key),
    )  # fmt: skip


def explain_pixel(request: PixelRequest, part: Grey, segmenter: Segmenter) -> PixelResponse:
    """The response to a request about a pixel or a box inside a window; ``part`` is that window of the image."""
    above, before = request.window
    box = _box_in_window(request, part)
    found = explain.explain_pixel(segmenter, part, box, request.samples)
    boxes = {}
    for percent in (50, 90):
        row, column, rows, columns = explain.influence_box(found.influence, box, percent / 100)
        boxes[str(percent)] = (row + above, column + before, rows, columns)
    return PixelResponse(
        id=request.id, gradient=found.gradient, influence=found.influence, boxes=boxes,
        cams={name: Cam(values=cam, height=cam.shape[0], width=cam.shape[1]) for name, cam in found.cams.items()},
        logit=found.logit, probability=found.probability,
    )  # fmt: skip


def _faithfulness(request: FaithfulnessRequest, part: Grey, segmenter: Segmenter) -> FaithfulnessResponse:
    box = _box_in_window(request, part)
    if request.seed is None:
        order = explain.order_of(explain.explain_pixel(segmenter, part, box).influence)
    else:
        order = explain.random_order(part.shape, request.seed)
    found = explain.faithfulness(segmenter, part, box, order)
    return FaithfulnessResponse(
        id=request.id, shares=explain.SHARES, deletion=found.deletion, insertion=found.insertion,
        deletion_area=found.deletion_area, insertion_area=found.insertion_area,
    )  # fmt: skip


def _box_in_window(request: PixelRequest | SmoothRequest | FaithfulnessRequest, part: Grey) -> Box:
    """The box, counted from the window's corner; raises ``RequestError`` where it leaves the window."""
    above, before = request.window
    top, left, height, width = request.box
    box = (top - above, left - before, height, width)
    if min(box) < 0 or min(height, width) < 1 or box[0] + height > part.shape[0] or box[1] + width > part.shape[1]:
        raise RequestError("expected a pixel or a box inside the opened window; move the window there")
    return box


def quantise(maps: Floats) -> SiteMaps:
    """(C, h, w) -> 256 levels between each map's own lowest and highest value."""
    low, high = maps.min(axis=(1, 2)), maps.max(axis=(1, 2))
    spread = np.where(high > low, high - low, 1)[:, None, None]
    values = np.rint((maps - low[:, None, None]) / spread * 255).astype(np.uint8)
    channels, height, width = maps.shape
    return SiteMaps(values=values, low=low, high=high, channels=channels, height=height, width=width)


def _two_planes(probability: Floats) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Twelve bits a probability, in two planes that deflate well."""
    levels = twelve_bits(probability)
    return (levels >> 8).astype(np.uint8), (levels & 255).astype(np.uint8)


def twelve_bits(probability: Floats) -> NDArray[np.uint16]:
    """Probabilities in [0, 1] as levels from 0 to 4095: at every hundredth the same ones lie above as before."""
    levels = np.rint(probability * TWELVE_BITS).astype(np.int32)
    hundredth = (np.rint(probability * 100).astype(np.float64) / 100).astype(np.float32)
    above, said = probability > hundredth, (levels / TWELVE_BITS).astype(np.float32) > hundredth
    return (levels + (above & ~said) - (~above & said)).astype(np.uint16)
