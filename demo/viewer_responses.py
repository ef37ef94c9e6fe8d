"""Responses to the viewer's requests, as they are packed; viewer/types.d.ts says the same to the browser."""

from typing import TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from demo.messages import Bytes, Response
from demo.viewer_requests import Box
from unet.image import Probability

Floats: TypeAlias = NDArray[np.float32]


class Refusal(Response, frozen=True):
    """Why a request cannot be answered."""

    error: str


class SiteMaps(Struct, frozen=True, kw_only=True):
    """(C, h, w) maps in 256 levels between each one's own lowest and highest value."""

    values: Bytes
    low: Floats
    high: Floats
    channels: int
    height: int
    width: int


class MapsResponse(Response, frozen=True):
    """Site -> its maps; a skip only where it is cut, else it equals its encoder.

    ``grey`` is the sample, (H, W), where one was asked for: of the open image the browser has it.
    """

    sites: dict[str, SiteMaps]
    grey: Bytes | None = None


class CutsResponse(Response, frozen=True):
    """(2**P, H, W) probabilities in 4096 levels: bit i of the row says whether ``parts[i]`` is cut."""

    parts: tuple[str, ...]
    height: int
    width: int
    high: Bytes
    low: Bytes


class PredictResponse(Response, frozen=True):
    """The probability of the window, (H, W)."""

    probability: Probability


class EffectsResponse(Response, frozen=True):
    """The mean change of the probability without each of the channels that were asked for."""

    site: str
    effect: Floats


class Cam(Struct, frozen=True, kw_only=True):
    """A Grad-CAM, (h, w)."""

    values: Floats
    height: int
    width: int


class PixelResponse(Response, frozen=True):
    """Gradient and influence, (H, W) of the window; ``boxes`` hold 50 and 90 % of the influence."""

    gradient: Floats
    influence: Floats
    boxes: dict[str, Box]
    cams: dict[str, Cam]
    logit: float
    probability: float


class SmoothResponse(Response, frozen=True):
    """The mean gradient over the noisy copies, (H, W) of the window."""

    gradient: Floats


class FaithfulnessResponse(Response, frozen=True):
    """The mean probability of the box at each of ``shares``, all (S,); see ``unet.explain.Curves``."""

    shares: Floats
    deletion: Floats
    insertion: Floats
    deletion_area: float
    insertion_area: float


class TtaResponse(Response, frozen=True):
    """The mean of the probability with that of the mirrored image, (H, W) of the whole image."""

    probability: Probability


class UncertaintyResponse(Response, frozen=True):
    """The standard deviation of the probability, (H, W) of the window; see ``unet.explain.uncertainty``."""

    height: int
    width: int
    spread: Floats


class EpochsResponse(Response, frozen=True):
    """(N, H, W) probabilities in 4096 levels: of every snapshot, earliest first, and last of the finished network.

    ``validation`` is the IoU of the validation tiles after each of these epochs, NaN where it is not known.
    """

    height: int
    width: int
    high: Bytes
    low: Bytes
    validation: Floats


class FormedResponse(Response, frozen=True):
    """The map of a channel by every snapshot, earliest first, and last by the finished network."""

    maps: SiteMaps


class OtherResponse(Response, frozen=True):
    """The probability by other weights, (H, W) of the whole image, and how a page names and thresholds them."""

    name: str
    label: str
    threshold: float
    probability: Probability
