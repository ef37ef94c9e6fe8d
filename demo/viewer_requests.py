"""Requests from the viewer in the browser: which computation, by which network, of which part of the image.

viewer/types.d.ts says the same to the browser.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from demo.view import Text, Whole
from unet import typed
from unet.tiling import TILE

MOST_SAMPLES = 16  # noisy copies of an image that one request may ask for
MOST_CHANNELS = 16  # of a site, whose effects one request may ask for: others wait for it
LONGEST_WORD = 40  # characters of a request that a sentence repeats
LONGEST_INPUT = 4 * (TILE * TILE // 3 + 1)  # characters in Base64 of a byte a pixel of the largest window

Box: TypeAlias = tuple[Whole, Whole, Whole, Whole]  # top, left, height, width


class RequestError(ValueError):
    """A request that cannot be answered; the message says what was expected and what came."""


class _Request(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every request says: whose it is, of which image, by which network.

    Attributes:
        id: a number that the response repeats.
        key: of the message that brought the image.
        window: the top and the left of the part of the image that is opened up.
        random: whether the network with random weights responds.
        epoch: of the snapshot that responds, see ``train.py --snapshots``; None for the finished network.
        input: Base64 of a byte a pixel of the window, its grey as a user changed it; empty for the image's own.
    """

    id: int | None = None
    key: str | None = None
    window: tuple[Whole, Whole] = (0, 0)
    random: bool = False
    epoch: Whole | None = None
    input: Annotated[str, Meta(max_length=LONGEST_INPUT)] = ""


class ImageRequest(_Request, frozen=True, tag="image"):
    """The browser lacks the image; the message that brings the response brings it."""


class MapsRequest(_Request, frozen=True, tag="maps"):
    """Every activation of one forward pass, with some parts of the network cut.

    ``sample`` names a sample that is looked at in place of the open image, whole and as it is; None for the open image.
    """

    cuts: tuple[str, ...] = ()
    fill: str = "zero"
    sample: Text | None = None


class CutsRequest(_Request, frozen=True, tag="cuts"):
    """The probabilities without each combination of skips and bottleneck."""

    fill: str = "zero"


class PredictRequest(_Request, frozen=True, tag="predict"):
    """The probability of the window alone: the fastest answer to a changed input."""


class EffectsRequest(_Request, frozen=True, tag="effects"):
    """How much the probabilities change without each of some channels of a site, from ``first`` on.

    A site's effects take many seconds: they are asked for in pieces, so that other questions come between.
    """

    site: str
    first: Whole
    count: Annotated[int, Meta(ge=1, le=MOST_CHANNELS)]


class PixelRequest(_Request, frozen=True, tag="pixel"):
    """Why the network says what it says of a box, of one pixel at least, from so many noisy copies."""

    box: Box
    samples: Annotated[int, Meta(ge=0, le=MOST_SAMPLES)] = 0


class SmoothRequest(_Request, frozen=True, tag="smooth"):
    """SmoothGrad of a box over some noisy copies; pieces of it have a seed each."""

    box: Box
    samples: Annotated[int, Meta(ge=1, le=MOST_SAMPLES)]
    seed: Whole = 0


class FaithfulnessRequest(_Request, frozen=True, tag="faithfulness"):
    """What becomes of a box as the image's regions go: by their influence, or in a random order.

    Attributes:
        box: the box.
        seed: of the random order; None for the order by influence.
    """

    box: Box
    seed: Whole | None = None


class TtaRequest(_Request, frozen=True, tag="tta"):
    """The whole image with flip TTA, by the trained network whatever ``random`` says."""


class UncertaintyRequest(_Request, frozen=True, tag="uncertainty"):
    """How far the probability of every pixel of the window moves under flips and small shifts."""


class EpochsRequest(_Request, frozen=True, tag="epochs"):
    """The probabilities of the window by every snapshot and by the finished network, whatever ``epoch`` says."""


class FormedRequest(_Request, frozen=True, tag="formed"):
    """The map of a channel by every snapshot and by the finished network, whatever ``epoch`` says."""

    site: str
    channel: Whole


class DossierRequest(_Request, frozen=True, tag="dossier"):
    """What the file beside the weights says of a channel, whatever network and input the other entries say."""

    site: Text
    channel: Whole


class OtherRequest(_Request, frozen=True, tag="other"):
    """What other weights say of the whole image; ``weights`` is their name."""

    weights: Text


Request: TypeAlias = (
    ImageRequest
    | MapsRequest
    | CutsRequest
    | PredictRequest
    | EffectsRequest
    | PixelRequest
    | SmoothRequest
    | FaithfulnessRequest
    | TtaRequest
    | UncertaintyRequest
    | EpochsRequest
    | FormedRequest
    | OtherRequest
    | DossierRequest
)


def read_request(content: object) -> Request:
    """A request from its JSON values, which are not trusted; raises ``RequestError`` where they make none."""
    try:
        return typed.convert(content, Request)  # type: ignore[arg-type]  # mypy takes a union for no type
    except ValueError as error:
        raise RequestError(str(error)) from None
