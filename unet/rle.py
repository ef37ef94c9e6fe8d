"""Masks as text: the run-length encoding of the TGS Salt challenge.

Pixels are numbered from 1, down each column and then on to the next.  The text lists the runs of salt as
``start length start length``; a mask without salt is the empty text.
"""

import numpy as np
from numpy.typing import NDArray


def encode(mask: NDArray[np.bool_]) -> str:
    """The runs of True in a boolean mask of shape (H, W).

    Raises:
        ValueError: the mask is not boolean or not two-dimensional.

    Example:
        >>> encode(np.array([[False, True], [True, True]]))
        '2 3'
        >>> encode(np.zeros((2, 2), dtype=bool))
        ''
    """
    if mask.dtype != np.bool_ or mask.ndim != 2:
        raise ValueError(f"expected a boolean mask of shape (H, W), got {mask.dtype} of shape {mask.shape}")
    padded = np.concatenate([[False], mask.ravel(order="F"), [False]])
    # Counted from 0: the first pixel of each run and the first one after it, in turn.
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    starts, ends = edges[::2], edges[1::2]
    return " ".join(f"{start + 1} {end - start}" for start, end in zip(starts, ends, strict=True))


def decode(text: str, height: int, width: int) -> NDArray[np.bool_]:
    """The mask, (height, width) bool, that ``encode`` turned into this text.

    Raises:
        ValueError: the text is not pairs of whole numbers, or its runs overlap, are out of order or leave the mask.

    Example:
        >>> decode("2 3", height=2, width=2)
        array([[False,  True],
               [ True,  True]])
    """
    words = text.split()
    for word in words:
        if not (word.isascii() and word.isdigit()):
            raise ValueError(f"expected whole numbers separated by spaces, got {word[:20]!r}")
    if len(words) % 2:
        raise ValueError(f"expected pairs of a start and a length, got an odd count: {len(words)}")
    pixels = np.zeros(height * width, dtype=np.bool_)
    free = 1  # the first pixel that no run has claimed
    for start_word, length_word in zip(words[::2], words[1::2], strict=True):
        run = f"run '{start_word[:20]} {length_word[:20]}'"
        # Longer than any real number; Python refuses to convert thousands of digits.
        if max(len(start_word), len(length_word)) > 18:
            raise ValueError(f"expected runs inside {height} x {width} = {pixels.size} pixels, got {run}")
        start, length = int(start_word), int(length_word)
        if start < 1:
            raise ValueError(f"expected starts of 1 or more (the first pixel is 1), got {run}")
        if length < 1:
            raise ValueError(f"expected lengths of 1 or more, got {run}")
        if start < free:
            raise ValueError(f"expected runs in order without overlap, got {run} after a run that ends at {free - 1}")
        if start + length - 1 > pixels.size:
            raise ValueError(f"expected runs inside {height} x {width} = {pixels.size} pixels, got {run}")
        pixels[start - 1 : start - 1 + length] = True
        free = start + length
    return pixels.reshape((height, width), order="F")
