"""Picture <-> model input: grey, scale, pad, and the crop that undoes the padding, side by side.

Every picture that meets the network, in training or in an app, comes through here.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.generic]  # (H, W), (H, W, 3) or (H, W, 4); uint8, uint16 or float in [0, 1]
Grey = NDArray[np.float32]  # (H, W), in [0, 1]

SMALLEST = 16  # pixels a side: below this there is nothing to pad from

# Mean and spread of the grey of the TGS Salt tiles.  They are part of what a network was trained with, so the card
# repeats this rule, and weights trained under another one are refused.
MEAN, SPREAD = 0.47, 0.16
RULE = {"grey": "0..1", "mean": MEAN, "spread": SPREAD, "padding": "reflect"}

_PIECE = 1_000_000  # pixels that are converted at a time
_LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601; the three add up to 1, so grey stays grey
_WHITE = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}


def grey(picture: Picture) -> Grey:
    """The grey values of a picture.

    Args:
        picture: (H, W), or (H, W, 3) RGB, or (H, W, 4) RGB and an alpha that is ignored; uint8 (0 to 255), uint16
            (0 to 65535) or floating point in [0, 1]; rows are time or depth samples, columns are traces.

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        ValueError: another shape or type, fewer than 16 pixels a side, NaN or infinite values, or a float that
            is not in [0, 1].

    Example:
        >>> grey(np.full((16, 16), 51, np.uint8))[0, 0]
        np.float32(0.2)
    """
    picture = np.asarray(picture)
    if picture.size == 0:
        raise ValueError(f"expected a picture, got an empty array of shape {picture.shape}")
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (3, 4)):
        raise ValueError(
            f"expected a picture of shape (H, W), (H, W, 3) or (H, W, 4), got {picture.shape}; "
            "pass several pictures one by one, and one section of a volume at a time"
        )
    height, width = picture.shape[:2]
    if min(height, width) < SMALLEST:
        raise ValueError(f"expected a picture of at least {SMALLEST} x {SMALLEST} pixels, got {height} x {width}")
    if picture.ndim == 3:
        picture = picture[..., :3]
    white = _WHITE.get(picture.dtype.newbyteorder("="))
    if white is None:
        if not np.issubdtype(picture.dtype, np.floating):
            raise ValueError(
                f"expected uint8, uint16 or floating point in [0, 1], got {_named(picture.dtype)}; "
                "for seismic amplitudes call unet.image.from_amplitude first"
            )
        _check_float(picture)
        white = 1.0
    values = np.empty((height, width), np.float32)
    rows = max(1, _PIECE // width)
    for top in range(0, height, rows):  # float64 takes many times the memory of what most pictures are made of
        scaled = picture[top : top + rows].astype(np.float64) / white
        if scaled.ndim == 3:
            scaled = scaled @ _LUMINANCE
        values[top : top + rows] = np.clip(scaled, 0.0, 1.0)  # the clip only takes back rounding
    return values


def _check_float(picture: Picture) -> None:
    help_ = "for seismic amplitudes call unet.image.from_amplitude(array, low, high) first"
    with np.errstate(invalid="ignore"):
        low, high = picture.min(), picture.max()  # either is NaN where a value is
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"expected finite values, got NaN or infinity in the picture; {help_}")
    if low < 0 or high > 1:
        raise ValueError(f"expected floating point in [0, 1], got {low:.6g} to {high:.6g}; {help_}")


def _named(dtype: np.dtype[np.generic]) -> str:
    """A type in a few words; a table's would list all of its columns."""
    return "a table" if dtype.names else str(dtype)


def salt(mask: Picture) -> NDArray[np.bool_]:
    """The salt of a mask picture, by the organisers' rule: every value but 0, in 8 bits and in 16.

    Args:
        mask: (H, W), (H, W, 3) or (H, W, 4) with an alpha that is ignored, any real type.

    Returns:
        (H, W) bool, True = salt.

    Raises:
        ValueError: another shape or type, or NaN or infinite values, of which nobody knows what they say.

    Example:
        >>> salt(np.array([[0, 1, 65535]], np.uint16))
        array([[False,  True,  True]])
    """
    mask = np.asarray(mask)
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
    """Seismic amplitudes as a grey picture: ``low`` and below become 0, ``high`` and above 1.

    Args:
        amplitudes: (H, W) real numbers, as recorded.
        low: the amplitude drawn black, the same for a whole survey; its 1st percentile is a good choice.
        high: the amplitude drawn white; the survey's 99th percentile is a good choice.

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        ValueError: not two dimensions, NaN or infinite amplitudes, or limits that are not ``low < high``.

    Example:
        >>> from_amplitude(np.array([[-9.0, 0.0, 1.0]]), low=-2, high=2)
        array([[0.  , 0.5 , 0.75]], dtype=float32)
    """
    values = np.asarray(amplitudes)
    if values.ndim != 2 or values.size == 0 or values.dtype.kind not in "buif":
        raise ValueError(f"expected real amplitudes of shape (H, W), got {_named(values.dtype)}, shape {values.shape}")
    low, high = float(low), float(high)
    if not (low < high and math.isfinite(high - low)):
        raise ValueError(f"expected limits low < high, got {low} and {high}; take them from the whole survey")
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("expected finite amplitudes, got NaN or infinity; replace dead samples, for example by 0")
    with np.errstate(over="ignore"):  # what is too far off to subtract or divide is as white or black as can be
        return np.clip((values - low) / (high - low), 0.0, 1.0).astype(np.float32)


@dataclass(frozen=True)
class Padding:
    """How many pixels were added above and left of a picture of ``height`` x ``width``, and the padded size."""

    top: int
    left: int
    height: int
    width: int
    padded_height: int
    padded_width: int

    @classmethod
    def to_multiple(cls, height: int, width: int, stride: int) -> "Padding":
        """The padding that centres a picture in the next multiple of ``stride`` a side.

        Example:
            >>> Padding.to_multiple(101, 101, 16)
            Padding(top=5, left=5, height=101, width=101, padded_height=112, padded_width=112)
        """
        padded_height, padded_width = (-(-side // stride) * stride for side in (height, width))
        top, left = (padded_height - height) // 2, (padded_width - width) // 2
        return cls(top, left, height, width, padded_height, padded_width)

    def pad(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """(H, W) -> (padded_height, padded_width): the picture mirrored at its edges."""
        rows = (self.top, self.padded_height - self.height - self.top)
        columns = (self.left, self.padded_width - self.width - self.left)
        return np.pad(picture, (rows, columns), mode="reflect")

    def crop(self, maps: NDArray[np.float32], stride: int = 1) -> NDArray[np.float32]:
        """The part of (..., h, w) maps at 1/``stride`` of the padded size that covers the picture itself.

        At a stride above 1 a map's edge pixel may reach over the picture's edge; it is kept.
        """
        bottom = -(-(self.top + self.height) // stride)
        right = -(-(self.left + self.width) // stride)
        return maps[..., self.top // stride : bottom, self.left // stride : right]


def normalise(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grey in [0, 1] -> what the network reads: zero mean and unit spread over the TGS tiles."""
    return (values - np.float32(MEAN)) / np.float32(SPREAD)
