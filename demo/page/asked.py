"""The pixels and boxes that a user asked about, with what the network answered, for the interactive page."""

from collections.abc import Hashable
from typing import Any, TypeAlias

from msgspec.structs import replace

from demo.cache import CACHE
from demo.images import SeismicImage
from demo.messages import Response
from demo.viewer_requests import PixelRequest, RequestError, SmoothRequest, read_request
from demo.viewer_responses import PixelResponse, SmoothResponse
from demo.weights import WeightsKey

MOST = 24  # places of an image that are remembered, the newest ones
MOST_REQUESTS = 8  # about a place; the viewer asks for a pixel, and for SmoothGrad in four pieces
MOST_IMAGES = 50  # of one user, those that were asked about last
PlaceRequest: TypeAlias = PixelRequest | SmoothRequest


class AskedPlaces:
    """What one user asked of the trained network, or of its random twin, about images as they are.

    The requests are kept here, the answers in the cache of all users, as long as there is room for them.
    """

    def __init__(self) -> None:
        self._places: dict[Hashable, dict[Hashable, list[PlaceRequest]]] = {}

    def note(self, content: object, response: Response, image: SeismicImage, weights: WeightsKey) -> None:
        """A request was answered; what is not about a pixel or a box is not remembered.

        Args:
            content: the request, as it came out of the browser.
            response: to it.
            image: the image that it is about.
            weights: the key of the weights that are chosen.
        """
        if not isinstance(response, PixelResponse | SmoothResponse):
            return
        try:
            request = read_request(content)
        except RequestError:  # which was refused
            return
        if not isinstance(request, PlaceRequest) or request.input or request.epoch is not None:
            return
        request = replace(request, id=None, key=None)
        about = image.digest, weights
        places = self._places.pop(about, {})
        place = request.window, request.box, request.random
        requests = places.pop(place, [])
        places[place] = requests if request in requests else [*requests, request][-MOST_REQUESTS:]
        self._places[about] = places
        _forget_oldest(places, MOST)
        _forget_oldest(self._places, MOST_IMAGES)
        CACHE.put(_key(request, image, weights), response, _size(response))

    def requests(self, image: SeismicImage, weights: WeightsKey) -> list[PlaceRequest]:
        """The requests about an image, those about the newest place first."""
        places = self._places.get((image.digest, weights), {})
        return [request for place in reversed(places.values()) for request in place]


def known_answer(request: PlaceRequest, image: SeismicImage, weights: WeightsKey) -> Response | None:
    """What was answered, where that is still known."""
    found: Response | None = CACHE.get(_key(request, image, weights))
    return found


def _key(request: PlaceRequest, image: SeismicImage, weights: WeightsKey) -> Hashable:
    return "answer", weights, image.digest, request


def _size(response: PixelResponse | SmoothResponse) -> int:
    """The bytes of every array in a response."""
    arrays = [response.gradient]
    if isinstance(response, PixelResponse):
        arrays += [response.influence, *(cam.values for cam in response.cams.values())]
    return sum(array.nbytes for array in arrays)


def _forget_oldest(known: dict[Hashable, Any], most: int) -> None:
    for oldest in list(known)[:-most]:
        del known[oldest]
