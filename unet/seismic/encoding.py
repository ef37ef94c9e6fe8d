"""The letters and numbers of SEG-Y that NumPy does not know: EBCDIC text and IBM floats."""

import numpy as np
from numpy.typing import NDArray

READABLE = 0.7  # of its bytes, at least: what has fewer letters is no text


def from_ibm(words: NDArray[np.uint32]) -> NDArray[np.float32]:
    """IBM System/360 floats: a sign, seven bits of an exponent of 16 in excess of 64, and 24 bits of a fraction.

    Args:
        words: of any shape.

    Returns:
        float32 of the same shape; what is too large for it is infinite.

    Example:
        >>> from_ibm(np.array([0x42640000, 0xC276A000, 0], np.uint32))
        array([ 100.   , -118.625,    0.   ], dtype=float32)
    """
    fraction = (words & 0x00FFFFFF).astype(np.float32)
    exponent = ((words >> 24) & 0x7F).astype(np.int32)
    with np.errstate(over="ignore", under="ignore"):  # IBM reaches further at both ends
        size = np.ldexp(fraction, 4 * (exponent - 64) - 24)
    return np.where(words >> 31, -size, size).astype(np.float32)


def to_ibm(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    """The same the other way, rounded to the nearest.

    Raises:
        ValueError: NaN or infinity, which IBM floats do not have.

    Example:
        >>> [hex(word) for word in to_ibm(np.array([100, -118.625, 0], np.float32))]
        ['0x42640000', '0xc276a000', '0x0']
    """
    if not np.isfinite(values).all():
        raise ValueError("expected finite values, got NaN or infinity; replace them first")
    fraction, exponent = np.frexp(np.abs(values.astype(np.float64)))
    sixteens = -(-exponent // 4)
    whole = np.rint(np.ldexp(fraction, 24 + exponent - 4 * sixteens)).astype(np.int64)
    over = whole >> 24 > 0  # rounded up to 16
    whole, sixteens = np.where(over, whole >> 4, whole), sixteens + over
    words = (whole | ((sixteens + 64) << 24) | (np.signbit(values).astype(np.int64) << 31)).astype(np.uint32)
    return np.where(whole == 0, np.uint32(0), words)


def decode_text(content: bytes) -> str:
    r"""A textual header in EBCDIC or ASCII, whichever makes letters of more of it; empty where neither does.

    Returns:
        Lines of at most 80 characters, all of them printable.

    Example:
        >>> decode_text("C 1 CLIENT".encode("cp037") + b"\x40" * 70)
        'C 1 CLIENT'
        >>> decode_text(bytes(range(256)))
        ''
    """
    content = content.replace(b"\0", b"")
    readings = [content.decode("cp037"), content.decode("ascii", "replace")]
    best = max(readings, key=_letters)
    if _letters(best) < READABLE * len(best):
        return ""
    lines = [best[start : start + 80] for start in range(0, len(best), 80)]
    clean = ["".join(one if one.isprintable() and one != "\ufffd" else " " for one in line).rstrip() for line in lines]
    return "\n".join(clean).strip()


def _letters(text: str) -> int:
    return sum(character.isascii() and character.isprintable() for character in text)
