"""From an image to the network's input: grey, scale, padding, and the crop that undoes the padding.

Every image that the network sees, in training or in an app, is converted here.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unet.colour import LUMINANCE, unmapped
from unet.margin import margin

ImageArray = NDArray[np.generic]  # (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); uint8, uint16, int8 or float in [0, 1]
Grey = NDArray[np.float32]  # (H, W), in [0, 1]
Probability = NDArray[np.float32]  # (H, W), in [0, 1]
Mask = NDArray[np.bool_]  # (H, W), True = salt

SMALLEST = 16  # pixels a side; a smaller image has too little to mirror in the padding

# Mean and spread of the grey of the TGS Salt tiles.  A network is trained with this rule, so its card repeats it, and
# weights trained with another one are refused.
MEAN, SPREAD = 0.47, 0.16
RULE: dict[str, str | float] = {"grey": "0..1", "mean": MEAN, "spread": SPREAD, "padding": "reflect"}

_PIECE = 1_000_000  # pixels converted at a time
# Black and white; interpretation programs store seismic as signed bytes, 0 in the middle.
_RANGE = {np.dtype(np.uint8): (0.0, 255.0), np.dtype(np.uint16): (0.0, 65535.0), np.dtype(np.int8): (-128.0, 127.0)}
_FAR_BELOW = 0.25  # of white: an image with no brighter value probably has fewer bits than its type

_LIMITS = (
    "give seismic amplitudes limits: --amplitude-limits LOW HIGH or --clip-percentile P, in Python "
    "unet.image.from_amplitude(array, low, high)"
)

SIGNED = "signed bytes: -128 was taken as black, 127 as white"
DARK = (
    "the brightest value is far below white, so the image is nearly black; --clip-percentile 0.5 of predict, or the "
    "switch in the app, stretches what is used"
)
UNKNOWN_COLOURS = "strong colours of no colour map that is known here: their brightness was taken; save it as grey"
MARGIN = "an area of one grey at the edge is no section, and never salt"


class AmplitudeError(ValueError):
    """Real numbers without a black and a white; the message says how to give them limits."""


class Reading(NamedTuple):
    """An image as grey, and notes on what was guessed or left out: plain sentences, the same for every such image."""

    grey: Grey
    notes: tuple[str, ...]


def grey(image: ImageArray) -> Grey:
    """The grey values of an image.

    Args:
        image: (H, W), (H, W, 1), (H, W, 3) RGB, or (H, W, 4) RGB and an alpha that is ignored; uint8 (0 to 255),
            uint16 (0 to 65535), int8 (-128 to 127) or floating point in [0, 1]; rows are time or depth samples,
            columns are traces.  RGB in the colours of a map that ``unet.colour`` knows becomes the position in the
            map, any other RGB its luminance.

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        AmplitudeError: signed or wide integers, NaN or infinite values, or floating point that is not in [0, 1]:
            numbers that need limits, see ``from_amplitude`` and ``unet.amplitude``.
        ValueError: another shape or type, fewer than 16 pixels a side, or masked values.

    Example:
        >>> grey(np.full((16, 16), 51, np.uint8))[0, 0]
        np.float32(0.2)
    """
    return read(image).grey


def read(image: ImageArray) -> Reading:
    """As ``grey``, with notes on what was guessed."""
    image = _array(image)
    if image.size == 0:
        raise ValueError(f"expected an image, got an empty array of shape {image.shape}")
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (3, 4)):
        raise ValueError(
            f"expected an image of shape (H, W), (H, W, 3) or (H, W, 4), got {image.shape}; "
            "pass several images one by one, and one section of a volume at a time"
        )
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST:
        raise ValueError(f"expected an image of at least {SMALLEST} x {SMALLEST} pixels, got {height} x {width}")
    if image.ndim == 3:
        image = image[..., :3]
    limits = _RANGE.get(image.dtype.newbyteorder("="))
    if limits is None:
        if not np.issubdtype(image.dtype, np.floating):
            refusal = f"expected uint8, uint16, int8 or floating point in [0, 1], got {_named(image.dtype)}"
            raise AmplitudeError(f"{refusal}; {_LIMITS}") if image.dtype.kind in "iu" else ValueError(refusal)
        _check_float(image)
        limits = 0.0, 1.0
    notes = [SIGNED] if image.dtype == np.int8 else []
    values, colours = None, ""
    if image.ndim == 3:
        values, colours = unmapped(_bytes(image, limits))
        if values is not None:
            notes.append(
                f"the colours of the map {colours} were turned back into grey, its low end black; of a reversed map "
                "the polarity is reversed too"
            )
        elif colours:
            notes.append(UNKNOWN_COLOURS)
    if values is None:
        values = _scaled(image, limits)
    low, high = float(values.min()), float(values.max())
    if low < high <= _FAR_BELOW:
        notes.append(DARK)
    if low < high and margin(values).any():
        notes.append(MARGIN)
    return Reading(values, tuple(notes))


def _array(image: ImageArray) -> ImageArray:
    """An image or a mask as an array of its own numbers; (H, W, 1) becomes (H, W).

    Raises:
        ValueError: some of it is masked, or it is a Pillow image that holds numbers of colours, not colours.
    """
    if np.ma.is_masked(image):
        raise ValueError("expected finite values, got masked ones; replace them first, as array.filled(value) does")
    if getattr(image, "mode", None) in ("P", "PA"):
        raise ValueError("expected grey or RGB, got a Pillow image with a palette; call its convert('RGB') first")
    array: ImageArray = np.asarray(image)
    return array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array


def _scaled(image: ImageArray, limits: tuple[float, float]) -> Grey:
    """The luminance of an image, (H, W) in [0, 1]."""
    (height, width), (black, white) = image.shape[:2], limits
    values = np.empty((height, width), np.float32)
    rows = max(1, _PIECE // width)
    for top in range(0, height, rows):  # float64 takes many times the memory of most images
        scaled = (image[top : top + rows].astype(np.float64) - black) / (white - black)
        if scaled.ndim == 3:
            scaled = scaled @ LUMINANCE
        values[top : top + rows] = np.clip(scaled, 0.0, 1.0)  # the clip only takes back rounding
    return values


def _bytes(image: ImageArray, limits: tuple[float, float]) -> NDArray[np.uint8]:
    """The colours of an image in 8 bits, which is as fine as colour maps are."""
    black, white = limits
    if (black, white) == (0, 255):
        return image.astype(np.uint8, copy=False)
    scaled: NDArray[np.float32] = (image.astype(np.float32) - np.float32(black)) * np.float32(255 / (white - black))
    return np.rint(scaled).astype(np.uint8)


def _check_float(image: ImageArray) -> None:
    with np.errstate(invalid="ignore"):
        low, high = image.min(), image.max()  # either is NaN where a value is
    if not (np.isfinite(low) and np.isfinite(high)):
        raise AmplitudeError(f"expected finite values, got NaN or infinity in the image; {_LIMITS}")
    if low < 0 or high > 1:
        raise AmplitudeError(f"expected floating point in [0, 1], got {low:.6g} to {high:.6g}; {_LIMITS}")


def _named(dtype: np.dtype[np.generic]) -> str:
    """A type in a few words; that of a table would list all of its columns."""
    return "a table" if dtype.names else str(dtype)


def salt(mask: ImageArray) -> NDArray[np.bool_]:
    """The salt in a mask image, by the rule of the TGS Salt challenge: every value but 0, in 8 bits and in 16.

    Args:
        mask: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) with an alpha that is ignored, any real type.

    Returns:
        (H, W) bool, True = salt.

    Raises:
        ValueError: another shape or type, or NaN, infinite or masked values.

    Example:
        >>> salt(np.array([[0, 1, 65535]], np.uint16))
        array([[False,  True,  True]])
    """
    mask = _array(mask)
    if mask.ndim not in (2, 3) or (mask.ndim == 3 and mask.shape[2] not in (3, 4)):
        raise ValueError(f"expected a mask of shape (H, W), (H, W, 3) or (H, W, 4), got {mask.shape}")
    if mask.dtype.kind not in "buif":
        raise ValueError(f"expected a mask of real numbers, got {_named(mask.dtype)}")
    if mask.ndim == 3:
        mask = mask[..., :3]
    if mask.dtype.kind == "f" and not np.isfinite(mask).all():
        raise ValueError("expected a mask of finite values, got NaN or infinity")
    marked: NDArray[np.bool_] = mask != 0
    return marked if marked.ndim == 2 else np.any(marked, axis=2)


def from_amplitude(amplitudes: NDArray[np.generic], low: float, high: float) -> Grey:
    """Seismic amplitudes as a grey image: ``low`` and below become 0, ``high`` and above 1.

    Args:
        amplitudes: (H, W) real numbers, as recorded.
        low: the amplitude drawn black, the same for a whole survey; ``unet.amplitude.percentile_limits`` finds both.
        high: the amplitude drawn white.

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        ValueError: not two dimensions, NaN or infinite amplitudes, or limits that are not ``low < high``.

    Example:
        >>> from_amplitude(np.array([[-9.0, 0.0, 1.0]]), low=-2, high=2)
        array([[0.  , 0.5 , 0.75]], dtype=float32)
    """
    given = _array(amplitudes)
    if given.ndim != 2 or given.size == 0 or given.dtype.kind not in "buif":
        raise ValueError(f"expected real amplitudes of shape (H, W), got {_named(given.dtype)}, shape {given.shape}")
    low, high = float(low), float(high)
    if not (low < high and math.isfinite(high - low)):
        raise ValueError(f"expected limits low < high, got {low} and {high}; take them from the whole survey")
    values = given.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("expected finite amplitudes, got NaN or infinity; replace dead samples, for example by 0")
    with np.errstate(over="ignore"):  # what overflows is clipped to black or white
        return np.clip((values - low) / (high - low), 0.0, 1.0).astype(np.float32)


@dataclass(frozen=True)
class Padding:
    """How many pixels are added above and left of an image of ``height`` x ``width``, and the padded size."""

    top: int
    left: int
    height: int
    width: int
    padded_height: int
    padded_width: int

    @classmethod
    def to_multiple(cls, height: int, width: int, stride: int) -> "Padding":
        """The padding that centres an image in the next multiple of ``stride`` a side.

        Example:
            >>> Padding.to_multiple(101, 101, 16)
            Padding(top=5, left=5, height=101, width=101, padded_height=112, padded_width=112)
        """
        padded_height, padded_width = (-(-side // stride) * stride for side in (height, width))
        top, left = (padded_height - height) // 2, (padded_width - width) // 2
        return cls(top, left, height, width, padded_height, padded_width)

    def pad(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """(H, W) -> (padded_height, padded_width): the image mirrored at its edges."""
        rows = (self.top, self.padded_height - self.height - self.top)
        columns = (self.left, self.padded_width - self.width - self.left)
        return np.pad(image, (rows, columns), mode="reflect")

    def crop(self, maps: NDArray[np.float32], stride: int = 1) -> NDArray[np.float32]:
        """The part of (..., h, w) maps at 1/``stride`` of the padded size that covers the image itself.

        At a stride above 1 a map's edge pixel may reach over the image's edge; it is kept.
        """
        bottom = -(-(self.top + self.height) // stride)
        right = -(-(self.left + self.width) // stride)
        return maps[..., self.top // stride : bottom, self.left // stride : right]


def normalise(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grey in [0, 1] -> network input: zero mean and unit spread over the TGS tiles."""
    return (values - np.float32(MEAN)) / np.float32(SPREAD)
