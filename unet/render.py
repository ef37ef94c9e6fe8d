"""Arrays as images: the colours of maps and the overlay of a mask; every image is a new uint8 RGB array."""

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (H, W) grey or (H, W, 3) RGB

# From the palette of Okabe and Ito, whose colours colour-blind people can tell apart.
SALT = (230, 159, 0)


def _cividis() -> Pixels:
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    bgr = np.array(cv2.applyColorMap(ramp, cv2.COLORMAP_CIVIDIS), np.uint8).reshape(256, 3)
    return bgr[:, ::-1].copy()


def _blue_white_orange() -> Pixels:
    """An odd number of colours, so that zero has its own: white, in the middle."""
    ends = np.array([(0, 92, 158), (247, 247, 247), (213, 94, 0)], np.float64)
    ramp = np.linspace(0, 1, 128)[:, None]
    cold, warm = ends[0] + ramp * (ends[1] - ends[0]), ends[1] + ramp * (ends[2] - ends[1])
    return np.asarray(np.rint(np.vstack([cold, warm[1:]])), np.uint8)


SEQUENTIAL = _cividis()  # (256, 3): dark blue to yellow, evenly brighter
DIVERGING = _blue_white_orange()  # (255, 3): negative, zero, positive


def overlay(image: Pixels, mask: NDArray[np.bool_], opacity: float = 0.45) -> Pixels:
    """An image whose masked pixels are tinted with the colour of salt.

    Args:
        image: (H, W) or (H, W, 3) uint8.
        mask: (H, W) bool.
        opacity: 0 leaves the image as it is, 1 covers it.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ValueError: image and mask differ in size, or an opacity outside [0, 1].

    Example:
        >>> overlay(np.full((1, 2), 100, np.uint8), np.array([[False, True]]), opacity=0.5)
        array([[[100, 100, 100],
                [165, 130,  50]]], dtype=uint8)
    """
    if not 0 <= opacity <= 1:
        raise ValueError(f"expected an opacity in [0, 1], got {opacity}")
    rgb = _rgb(image, mask)
    tinted = (1 - opacity) * rgb + opacity * np.array(SALT)
    return np.where(mask[..., None], np.rint(tinted), rgb).astype(np.uint8)


def _rgb(image: Pixels, mask: NDArray[np.bool_]) -> Pixels:
    """A copy in three colours of the mask's size."""
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
        raise ValueError(f"expected uint8 of shape (H, W) or (H, W, 3), got {image.dtype} of shape {image.shape}")
    if image.shape[:2] != mask.shape or mask.dtype != np.bool_:
        raise ValueError(
            f"expected a boolean mask of the image's size {image.shape[:2]}, got {mask.dtype} of shape {mask.shape}"
        )
    return image.copy() if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
