"""Messages for the interactive page: in the format of ``messages.pack``, half as long, and as text in HTML.

view/pack.js reads them.  What is exact in the app is exact here, but for two things that would not fit
otherwise: gradients and Grad-CAM have 8 significant bits, and the probabilities of an image that is larger than a
window have 12 bits, as the answers about cuts have them.
"""

import zlib
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from demo import messages
from demo.messages import Blocks

LEVEL = 6  # of zlib: 9 takes four times as long and saves half a hundredth

Floats: TypeAlias = NDArray[np.float32]


def pack(content: object) -> bytes:
    """The same as ``messages.pack``, with arrays as ``write`` writes them."""
    return messages.pack(content, write, LEVEL)


def write(array: NDArray[Any]) -> Blocks:
    """An array so that it deflates well.

    Args:
        array: bool or uint8, (H, W) uint16 of ``explorer.twelve_bits``, or numbers that become float32.

    Returns:
        The entry in the JSON, and the bytes: of bytes and of the two planes of twelve bits the difference from what the
        neighbours predict; of floats all first bytes, then all second ones, and so on.
    """
    if array.dtype == np.uint16:
        entry, values = _residuals(np.stack([array >> 8, array & 255]).astype(np.uint8))
        return {**entry, "array": "levels"}, values
    if array.dtype in (np.bool_, np.uint8):
        return _residuals(np.asarray(array, np.uint8))
    planes = np.ascontiguousarray(array, "<f4").reshape(-1).view(np.uint8).reshape(-1, 4).T
    return {"array": "f4"}, planes.tobytes()


def _residuals(values: NDArray[np.uint8]) -> Blocks:
    """(..., H, W) bytes as what is left of them after a prediction, modulo 256: the one that deflates best.

    Both predict from the left, the upper and the upper left value, 0 outside: ``plane`` left + upper - upper left, and
    ``median`` the same held between left and upper (Weinberger et al. 2000, LOCO-I).
    """
    if values.ndim < 2:
        return {"array": "u1"}, values.tobytes()
    padded = np.pad(values.astype(np.int16), [(0, 0)] * (values.ndim - 2) + [(1, 0), (1, 0)])
    left, upper, corner = padded[..., 1:, :-1], padded[..., :-1, 1:], padded[..., :-1, :-1]
    plane = left + upper - corner
    median = np.clip(plane, np.minimum(left, upper), np.maximum(left, upper))
    written = {"": values.tobytes()}
    for name, predicted in (("plane", plane), ("median", median)):
        written[name] = (values - predicted).astype(np.uint8).tobytes()
    best = min(written, key=lambda name: len(zlib.compress(written[name], 1)))
    return {"array": "u1", "size": values.shape[-2:], "predictor": best}, written[best]


def rounded(values: Floats) -> Floats:
    """Numbers with 8 significant bits (bfloat16), as float32: off by 0.4 % at most.

    Example:
        >>> rounded(np.float32([1, 1.001, -300.7])).tolist()
        [1.0, 1.0, -300.0]
    """
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x8000) & 0xFFFF0000).view(np.float32)


def as_text(content: bytes) -> bytes:
    r"""Bytes as UTF-8 text for a script element that holds data, seven bits a character.

    That is 17 % longer than the bytes, where Base64 is 33 % longer.  Three of the 128 characters would not come back
    from an HTML parser, or could end the element: NUL, the carriage return and <.  They are written as the character
    256 further on.

    Example:
        >>> as_text(b"\x00\x01")
        b'\xc4\x80\xc4\x80 '
    """
    bits = np.unpackbits(np.frombuffer(content, np.uint8))
    sevens = np.pad(bits, (0, -len(bits) % 7)).reshape(-1, 7)
    text = (np.packbits(sevens, axis=1)[:, 0] >> 1).tobytes()
    for unsafe in b"\x00", b"\r", b"<":
        text = text.replace(unsafe, chr(unsafe[0] + 256).encode())
    return text
