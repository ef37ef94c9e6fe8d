"""What the interactive page stores of an image: its message, and the answers to what the viewer may ask of the network.

An answer is stored under its request, so the page answers exactly as the app does, and nothing else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from demo import messages
from demo.cache import find_probability
from demo.explorer import respond, twelve_bits
from demo.images import SAMPLES, SeismicImage
from demo.messages import Response
from demo.page.asked import PlaceRequest, known_answer
from demo.page.pack import as_text, pack, rounded
from demo.view import ViewState
from demo.viewer_requests import (
    CutsRequest,
    MapsRequest,
    OtherRequest,
    PixelRequest,
    PredictRequest,
    Request,
    SmoothRequest,
    TtaRequest,
    UncertaintyRequest,
)
from demo.viewer_responses import (
    OtherResponse,
    PixelResponse,
    Refusal,
    SmoothResponse,
    TtaResponse,
    UncertaintyResponse,
)
from demo.weights import Weights, WeightsKey
from unet.image import Probability
from unet.segmenter import Segmenter
from unet.tiling import TILE

MOST_PIXELS = 1_000_000  # of an image; noise takes 2.4 bytes each


class PageNetwork(NamedTuple):
    """The network that a page is about: its weights, the key of them, and itself."""

    weights: Weights
    key: WeightsKey
    segmenter: Segmenter


class StoredAnswer(NamedTuple):
    """A request without whose it is, and the packed response to it as text."""

    request: dict[str, object]
    text: bytes

    @property
    def entry(self) -> dict[str, object]:
        """What the page's index says of it."""
        return {"request": self.request, "length": len(self.text.decode())}

    @property
    def size(self) -> int:
        """Bytes of the text and of its entry."""
        return len(self.text) + len(msgspec.json.encode(self.entry)) + 1


class PageImage(NamedTuple):
    """An image for a page.

    Attributes:
        name: what the page calls it; a user's words, so never markup.
        image: itself.
        view: what of the explorer is open; None starts with nothing.
        asked: requests about its pixels and boxes that were answered.
    """

    name: str
    image: SeismicImage
    view: ViewState | None = None
    asked: Sequence[PlaceRequest] = ()


@dataclass
class StoredImage:
    """What a page holds of an image.

    Attributes:
        name: what to show; a user's words, so never markup.
        caption: its name, its size and where it comes from.
        window: the top and the left of the part that can be opened.
        message: the packed message that brings it to the viewer, as text.
        answers: what can be asked.
        left_out: what there was no room for, in a few words each.
        size: bytes of all texts and of their entries in the index.
    """

    name: str
    caption: str
    window: tuple[int, int]
    message: bytes
    answers: list[StoredAnswer] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    size: int = 0


def misfit(name: str, pixels: int) -> str:
    """Why a page has no room for an image of so many pixels, in a sentence; empty where it has."""
    if pixels <= MOST_PIXELS:
        return ""
    return f"{name}: expected an image of at most {MOST_PIXELS:,} pixels for a page, got {pixels:,}; crop it"


def store(given: PageImage, network: PageNetwork, *, link: str | None, threshold: float, room: int) -> StoredImage:
    """Asks the network everything that a page offers of an image, the most important first, as long as there is room.

    Args:
        given: the image, which is no ``misfit``.
        network: the network.
        link: what a link to the page calls the image; None where there is no other.
        threshold: where the page starts.
        room: bytes for all of it; its message is stored in any case.

    Returns:
        What the page holds of it; answers that did not fit are named in ``left_out``.
    """
    name, image, view, asked = given
    key, segmenter = network.key, network.segmenter
    probability = find_probability(image, segmenter, key)
    window = _window(image, view)
    view = None if view is None else _without_what_is_missing(view, window)
    message = messages.make_message(
        image,
        probability,
        segmenter,
        key,
        threshold=threshold,
        revision=1,
        link={"image": link, "weights": network.weights.name},
        view=view,
    )
    assert message.image is not None
    assert message.network is not None
    other = None if view is None else view.other
    sent = replace(
        message,
        image=replace(message.image, name=name, probability=_large(probability)),
        network=replace(
            message.network,
            others=[one for one in message.network.others if one.name == other],
            samples=[] if view is None or view.fill not in SAMPLES else [view.fill],
            seeds=[] if view is None or view.fill not in SAMPLES else [SAMPLES[view.fill]],
        ),
        lesson=None,
    )
    text = as_text(pack(sent))
    stored = StoredImage(name, image.caption, window, text, size=len(text))
    done: set[Request] = set()
    for words, request in _wanted(window, view, asked):
        known = known_answer(request, image, key) if isinstance(request, PlaceRequest) else None
        if request in done or (known is None and isinstance(request, SmoothRequest)):  # that takes too long to ask anew
            continue
        done.add(request)
        content = {**msgspec.to_builtins(request), "key": message.key}
        response = known or respond(content, image, segmenter, message.key, key)
        if isinstance(response, Refusal):  # weights to compare with that cannot be used
            continue
        answer = StoredAnswer(msgspec.to_builtins(request), as_text(pack(_compact(response))))
        if stored.size + answer.size <= room:
            stored.answers.append(answer)
            stored.size += answer.size
        elif words not in stored.left_out:
            stored.left_out.append(words)
    return stored


def _wanted(
    window: tuple[int, int], view: ViewState | None, asked: Sequence[PlaceRequest]
) -> Iterator[tuple[str, Request]]:
    """What is to be asked, in a few words and as a request; what there is room for is not known yet."""
    yield "its maps", MapsRequest(window=window)
    yield "its cuts", CutsRequest(window=window)
    here = [request for request in asked if request.window == window]
    opened = _opened(view, window)
    if opened is not None:
        yield "what its open pixel rests on", opened
        yield from (("what its open pixel rests on", one) for one in here if one.box == opened.box)
    if view is not None and view.other is not None:
        yield "the other network", OtherRequest(window=window, weights=view.other)
    if view is not None and view.fill != "zero":
        yield f"its cuts with {view.fill} in their place", CutsRequest(window=window, fill=view.fill)
    yield "flip TTA", TtaRequest(window=window)
    yield "its uncertainty", UncertaintyRequest(window=window)
    twin = "its maps with random weights"
    yield twin, PredictRequest(window=window, random=True)
    yield twin, MapsRequest(window=window, random=True)
    yield from (("some of the pixels that were asked about", one) for one in here)
    yield "its cuts with random weights", CutsRequest(window=window, random=True)
    yield "its uncertainty with random weights", UncertaintyRequest(window=window, random=True)
    if view is None or view.fill != "mean":
        yield "its cuts with the mean in their place", CutsRequest(window=window, fill="mean")


def _window(image: SeismicImage, view: ViewState | None) -> tuple[int, int]:
    """Where the opened window begins: as the view says, or in the middle, as the viewer does it."""
    height, width = image.grey.shape
    last = max(0, height - TILE), max(0, width - TILE)
    if view is not None and view.window is not None and any(last):
        top, left = view.window
        if top <= last[0] and left <= last[1]:
            return top, left
    return last[0] // 2, last[1] // 2


def _opened(view: ViewState | None, window: tuple[int, int]) -> PixelRequest | None:
    """The request about the open pixel or box."""
    if view is None or (view.box is None and view.pixel is None):
        return None
    box = view.box or (*view.pixel, 1, 1)  # type: ignore[misc]  # one of the two is there
    return PixelRequest(window=window, box=box)


def _without_what_is_missing(view: ViewState, window: tuple[int, int]) -> ViewState:
    """A view of the network as it is chosen, on the image as it is: there are no snapshots, edits or lessons."""
    return replace(view, epoch=None, edits="", lesson=None, window=window)


def _large(probability: Probability) -> Probability | NDArray[np.uint16]:
    """Of an image that is larger than a window, 12 bits a probability; they take a fifth."""
    return probability if max(probability.shape) <= TILE else twelve_bits(probability)


def _compact(response: Response) -> Response:
    """A response with as many bits as the page draws."""
    match response:
        case PixelResponse():
            cams = {name: replace(cam, values=rounded(cam.values)) for name, cam in response.cams.items()}
            none = np.zeros(0, np.float32)  # the boxes say of the influence what the page does
            return replace(response, id=None, gradient=rounded(response.gradient), influence=none, cams=cams)
        case SmoothResponse():
            return replace(response, id=None, gradient=rounded(response.gradient))
        case UncertaintyResponse():
            return replace(response, spread=rounded(response.spread))
        case TtaResponse() | OtherResponse():
            return replace(response, probability=_large(response.probability))
    return response
