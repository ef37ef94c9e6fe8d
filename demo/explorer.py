"""What passes between the explorer in the browser and the network: an image going out, questions and answers.

Nothing here knows Streamlit or Gradio or keeps anything of an image between calls.
"""

import hashlib
import json
import struct
import threading
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from demo import core
from unet import explain, render
from unet.image import Grey
from unet.segmenter import TILE, Probability, Segmenter

AT_ONCE = threading.Semaphore(2)  # questions: every one uses all cores, and a gradient takes 200 MB
MOST_SAMPLES = 16  # noisy copies of an image that one question may ask for
TWELVE_BITS = 4095


_Value = TypeVar("_Value", bound=np.generic)


class QuestionError(ValueError):
    """A question that cannot be answered; the message says what was expected and what came."""


# --- Messages -----------------------------------------------------------------------------------------------


def pack(message: dict[str, Any]) -> bytes:
    r"""A message with arrays in it as bytes, for ``unpack`` in pack.js.

    Args:
        message: what JSON can hold, and NumPy arrays at any depth: bool and uint8 travel as bytes, all other numbers
            as float32.

    Returns:
        Deflated: the length of the JSON (4 bytes, little-endian), the JSON, padded to four bytes, and the arrays.
        In the JSON an array is ``{"array": "u1" or "f4", "offset": bytes, "length": values}``.

    Example:
        >>> zlib.decompress(pack({"a": np.array([1, 2], np.uint8)}))[4:]
        b'{"a": {"array": "u1", "offset": 0, "length": 2}}\x01\x02\x00\x00'
    """
    blocks: list[bytes] = []

    def place(value: object) -> object:
        if not isinstance(value, np.ndarray):
            raise TypeError(f"expected something JSON or NumPy holds, got {type(value).__name__}")
        kind = "u1" if value.dtype in (np.bool_, np.uint8) else "f4"
        offset = sum(map(len, blocks))
        content = np.ascontiguousarray(value, "<" + kind).tobytes()
        blocks.append(content + bytes(-len(content) % 4))
        return {"array": kind, "offset": offset, "length": value.size}

    text = json.dumps(message, default=place).encode()
    text += b" " * (-len(text) % 4)
    # The fastest level: the next ones take longer and save a hundredth.
    return zlib.compress(struct.pack("<I", len(text)) + text + b"".join(blocks), level=1)


def key(opened: core.SeismicImage, probability: Probability, segmenter: Segmenter) -> str:
    """Names an image with its truth and the network that looks at it."""
    digest = hashlib.sha256(opened.digest.encode() + probability.tobytes())
    digest.update(segmenter.card.sha256.encode())
    if opened.truth is not None:
        digest.update(opened.truth.tobytes())
    return digest.hexdigest()


def message(
    opened: core.SeismicImage,
    probability: Probability,
    segmenter: Segmenter,
    *,
    threshold: float,
    revision: int,
    link: dict[str, str | None],
    view: dict[str, Any] | None = None,
    answer: dict[str, Any] | None = None,
    with_image: bool = True,
) -> dict[str, Any]:
    """Everything the viewer is to know.

    Args:
        opened: the image.
        probability: (H, W) float32 of it.
        segmenter: the network.
        threshold: where the handle is to stand.
        revision: changes when Python moves the threshold or the view; while it stays, the browser keeps its own.
        link: what a link to this page says of the image and the weights.
        view: the viewer's own state, to be restored with the revision.
        answer: to the last question, see ``answer``.
        with_image: False where the browser has it already; it asks again if it has not.

    Returns:
        For ``pack``.
    """
    sent: dict[str, Any] = {
        "key": key(opened, probability, segmenter),
        "threshold": threshold,
        "revision": revision,
        "link": link,
        "view": view,
        "chosen": segmenter.threshold,
        "answer": answer,
        "image": None,
    }
    if with_image:
        height, width = probability.shape
        sent |= {
            # Probabilities travel as float32, so that the browser counts exactly the pixels that Python counts.
            "image": {
                "name": opened.name,
                "height": height,
                "width": width,
                "grey": opened.pixels,
                "probability": probability,
                "truth": opened.truth,
                "margin": opened.margin if opened.margin.any() else None,
                "guessed": opened.guessed,
            },
            "network": {
                "sites": [
                    {"name": s.name, "channels": s.channels, "stride": s.stride} for s in segmenter.model.sites()
                ],
                "parts": list(explain.parts(segmenter)),
                "field": explain.receptive_field(segmenter.model.config),
                "parameters": sum(p.numel() for p in segmenter.model.parameters()),
                "samples": list(core.SAMPLES),
                "window": TILE,
            },
            "palette": {
                "sequential": render.SEQUENTIAL,
                "diverging": render.DIVERGING,
                "salt": list(render.SALT),
            },
        }
    return sent


# --- Questions and answers ----------------------------------------------------------------------------------


def answer(request: Any, opened: core.SeismicImage, segmenter: Segmenter, key: str) -> dict[str, Any]:
    """What the network has to say to a question from the browser.

    Args:
        request: what came; not trusted.  ``kind`` is one of ``ANSWERS`` or ``image``.
        opened: the image that is open.
        segmenter: the chosen network.
        key: of the message about the two; a question about another image is not answered.

    Returns:
        The answer with the question's ``id``, or ``{"id": ..., "error": sentence}``.
    """
    number = request.get("id") if isinstance(request, dict) else None
    try:
        with AT_ONCE:
            return {"id": number, **_answered(request, opened, segmenter, key)}
    except QuestionError as error:
        return {"id": number, "error": str(error)}


def _answered(request: Any, opened: core.SeismicImage, segmenter: Segmenter, key: str) -> dict[str, Any]:
    if not isinstance(request, dict):
        raise QuestionError("expected a question with its kind")
    kind = request.get("kind")
    if kind == "image":  # the message that brings this answer brings the image
        return {}
    if not isinstance(kind, str) or kind not in ANSWERS:
        raise QuestionError(f"expected a question about {', '.join(ANSWERS)}, got {str(kind)[:40]!r}")
    if request.get("key") != key:
        raise QuestionError("another image was opened")
    top, left = _whole_numbers(request, "window", 2)
    height, width = opened.grey.shape
    if top > max(0, height - TILE) or left > max(0, width - TILE):
        raise QuestionError(f"expected a window inside {height} x {width} pixels, got one from {top}, {left}")
    part = window(opened.grey, top, left)
    if request.get("random"):
        segmenter = random_twin(segmenter)
    found = ANSWERS[kind](request, part, segmenter)
    if kind == "cuts":  # a window may cut a margin so that nobody could tell it is one
        outside = window(opened.margin, top, left)
        found["high"][:, outside] = found["low"][:, outside] = 0
    return found


def window(image: NDArray[_Value], top: int = 0, left: int = 0) -> NDArray[_Value]:
    """The part of an image that is opened up: from a row and a column on, at most 128 pixels a side."""
    return image[top : top + TILE, left : left + TILE]


@lru_cache(maxsize=4)
def random_twin(segmenter: Segmenter) -> Segmenter:
    """The same network before it learned anything; one for all visitors, like the network itself."""
    return explain.random_twin(segmenter)


def donor(name: str, shape: tuple[int, ...]) -> Grey:
    """A sample whose skips may stand in for another image's, stretched to (H, W) where it has another size."""
    image = core.sample(name).grey
    if image.shape == shape:
        return image
    return cv2.resize(image, shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)


def maps(request: dict[str, Any], part: Grey, segmenter: Segmenter) -> dict[str, Any]:
    """Every activation of one forward pass, as bytes; a skip only where it is cut, else it equals its encoder."""
    cut = _cuts(request, segmenter)
    replaced = explain.replacements(segmenter, part, _fill(request, part.shape)) if cut else {}
    trace = segmenter.trace(part, {name: replaced[name] for name in cut})
    sites = [name for name in trace.sites if not name.startswith("skip") or name in cut]
    return {"sites": {name: _quantised(trace.crop(name)) for name in sites}}


def cuts(request: dict[str, Any], part: Grey, segmenter: Segmenter) -> dict[str, Any]:
    """The probabilities without each combination of skips and bottleneck, from one batch."""
    levels = _twelve_bits(explain.cut_table(segmenter, part, _fill(request, part.shape)))
    return {
        "parts": list(explain.parts(segmenter)),
        "height": part.shape[0],
        "width": part.shape[1],
        "high": (levels >> 8).astype(np.uint8),
        "low": (levels & 255).astype(np.uint8),
    }


def effects(request: dict[str, Any], part: Grey, segmenter: Segmenter) -> dict[str, Any]:
    """How much the probabilities change without each of a site's channels."""
    site = request.get("site")
    known = [s.name for s in segmenter.model.sites() if s.name != "logits"]
    if site not in known:
        raise QuestionError(f"expected one of {', '.join(known)}, got {str(site)[:40]!r}")
    return {"site": site, "effect": explain.channel_effects(segmenter, part, str(site))}


def pixel(request: dict[str, Any], part: Grey, segmenter: Segmenter) -> dict[str, Any]:
    """Why the network says what it says of a pixel or a box: gradient, Grad-CAM, effective receptive field."""
    origin = _whole_numbers(request, "window", 2)
    top, left, height, width = _whole_numbers(request, "box", 4)
    box = (top - origin[0], left - origin[1], height, width)
    if min(box) < 0 or min(height, width) < 1 or box[0] + height > part.shape[0] or box[1] + width > part.shape[1]:
        raise QuestionError("expected a pixel or a box inside the opened window; move the window there")
    (samples,) = _whole_numbers({"samples": [request.get("samples", 0)]}, "samples", 1)
    if samples > MOST_SAMPLES:
        raise QuestionError(f"expected at most {MOST_SAMPLES} samples, got {samples}")
    found = explain.explain_pixel(segmenter, part, box, samples)
    boxes = {}
    for percent in (50, 90):
        row, column, rows, columns = explain.influence_box(found.influence, box, percent / 100)
        boxes[str(percent)] = [row + origin[0], column + origin[1], rows, columns]
    cams = {} if samples else found.cams
    return {
        "gradient": found.gradient,
        "influence": found.influence,
        "boxes": boxes,
        "cams": {name: {"values": cam, "height": cam.shape[0], "width": cam.shape[1]} for name, cam in cams.items()},
        "logit": found.logit,
        "probability": found.probability,
    }


ANSWERS = {"maps": maps, "cuts": cuts, "effects": effects, "pixel": pixel}


def _quantised(maps: NDArray[np.float32]) -> dict[str, Any]:
    """(C, h, w) -> 256 levels between each map's own lowest and highest value."""
    low, high = maps.min(axis=(1, 2)), maps.max(axis=(1, 2))
    spread = np.where(high > low, high - low, 1)[:, None, None]
    values = np.rint((maps - low[:, None, None]) / spread * 255).astype(np.uint8)
    channels, height, width = maps.shape
    return {"values": values, "low": low, "high": high, "channels": channels, "height": height, "width": width}


def _twelve_bits(probability: NDArray[np.float32]) -> NDArray[np.uint16]:
    """4096 levels of probability, chosen so that at every hundredth the same values lie above as before."""
    levels = np.rint(probability * TWELVE_BITS).astype(np.int32)
    hundredth = (np.rint(probability * 100).astype(np.float64) / 100).astype(np.float32)
    above, said = probability > hundredth, (levels / TWELVE_BITS).astype(np.float32) > hundredth
    return (levels + (above & ~said) - (~above & said)).astype(np.uint16)


def _fill(request: dict[str, Any], shape: tuple[int, ...]) -> explain.Fill:
    fill = request.get("fill", "zero")
    if fill == "zero" or fill == "mean":
        return fill  # type: ignore[no-any-return]  # mypy does not narrow what came to a literal
    if not isinstance(fill, str) or fill not in core.SAMPLES:
        raise QuestionError(f"expected zero, mean or a sample in place of what is cut, got {str(fill)[:40]!r}")
    return donor(fill, shape)


def _cuts(request: dict[str, Any], segmenter: Segmenter) -> list[str]:
    cut, known = request.get("cuts", []), explain.parts(segmenter)
    if not isinstance(cut, list) or not all(name in known for name in cut):
        raise QuestionError(f"expected cuts among {', '.join(known)}, got {str(cut)[:60]}")
    return cut


def _whole_numbers(request: dict[str, Any], name: str, count: int) -> Sequence[int]:
    values = request.get(name)
    if (
        not isinstance(values, list)
        or len(values) != count
        or not all(type(value) is int and 0 <= value < 2**31 for value in values)
    ):
        raise QuestionError(f"expected {count} whole numbers from 0 as {name}, got {str(values)[:40]}")
    return values
