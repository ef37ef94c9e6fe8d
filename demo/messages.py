"""Messages to the viewer in the browser: the image, the network and the response to its last request, packed.

viewer/types.d.ts says the same to the browser.  Nothing here knows Streamlit or Gradio or stores anything of an image.
"""

import hashlib
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from demo import lesson, places, snippets
from demo.evaluation import ReportError, read_evaluation
from demo.images import SAMPLES, SeismicImage
from demo.snapshots import kept_epochs
from demo.view import ViewState
from demo.weights import WeightsKey, find_weights
from unet import explain, render
from unet.model import Site, UNetConfig
from unet.report import CalibrationBothWays
from unet.segmenter import Probability, Segmenter
from unet.snapshots import learned_epochs
from unet.tiling import TILE

Bytes: TypeAlias = NDArray[np.uint8]


class SentImage(Struct, frozen=True, kw_only=True):
    """The open image; all arrays are (H, W).

    Probabilities travel as float32, so that the browser counts exactly the pixels that Python counts.
    """

    name: str
    height: int
    width: int
    grey: Bytes
    probability: Probability
    truth: NDArray[np.bool_] | None
    margin: NDArray[np.bool_] | None
    guessed: tuple[str, ...]
    code: str


class OtherWeights(Struct, frozen=True, kw_only=True):
    """Weights that can be put beside the chosen ones, as ``Weights`` names them, and Python's code for them."""

    name: str
    label: str
    code: str


class SentNetwork(Struct, frozen=True, kw_only=True):
    """What the browser knows of the network: its shape, its sites, what can be cut and what can stand in for that.

    ``field`` is the side of the receptive field, ``window`` the largest side of the window, both in pixels.
    ``calibration`` is what its probabilities have meant on validation tiles, empty where nobody counted, and ``others``
    are all weights but these.  ``epochs`` are those that snapshots were kept of, and ``learned`` is how many epochs the
    network learned for, 0 where its card does not say.  ``seeds`` are those of the samples, and ``code`` is Python's
    for the weights.
    """

    config: UNetConfig
    sites: list[Site]
    parts: tuple[str, ...]
    field: int
    parameters: int
    samples: list[str]
    window: int
    calibration: CalibrationBothWays
    others: list[OtherWeights]
    epochs: tuple[int, ...]
    learned: int
    seeds: list[int]
    code: str


class Palette(Struct, frozen=True, kw_only=True):
    """The colours: two maps of (256, 3) RGB and the one of salt."""

    sequential: Bytes = render.SEQUENTIAL
    diverging: Bytes = render.DIVERGING
    salt: tuple[int, ...] = render.SALT


class Response(Struct, frozen=True, kw_only=True):
    """What the network computed for the request with this ``id``."""

    id: int | None


class ImageResponse(Response, frozen=True):
    """The message with this response brings the image."""


class Message(Struct, frozen=True, kw_only=True):
    """Everything the viewer is to know, for ``pack``; ``make_message`` says what the entries are."""

    key: str
    threshold: float
    revision: int
    drawn: int
    link: dict[str, str | None]
    view: ViewState | None
    chosen: float
    response: Response | None
    heard: int | None
    image: SentImage | None = None
    network: SentNetwork | None = None
    palette: Palette | None = None
    lesson: tuple[str, ...] | None = None


def make_message(
    image: SeismicImage,
    probability: Probability,
    segmenter: Segmenter,
    weights: WeightsKey,
    *,
    threshold: float,
    revision: int,
    link: dict[str, str | None],
    drawn: int = 0,
    view: ViewState | None = None,
    response: Response | None = None,
    heard: int | None = None,
    with_image: bool = True,
) -> Message:
    """Everything the viewer is to know.

    Args:
        image: the image.
        probability: (H, W) float32 of it.
        segmenter: the network.
        weights: the key of its weights.
        threshold: where the handle is to stand.
        revision: changes when Python moves the threshold or the view; while it stays, the browser keeps its own.
        link: what a link to this page says of the image and the weights.
        drawn: how often the page around the viewer was drawn; what the browser says comes with the last it heard of.
        view: the viewer's own state, to be restored with the revision.
        response: to the last request, see ``respond``.
        heard: the ``id`` of the last request that came, None where nobody keeps account of it.
        with_image: False where the browser has it already; it requests it if it has not.

    Returns:
        A message with the image, the network, the palette and the lesson where the image is wanted or requested.
    """
    sent = Message(
        key=key(image, probability, segmenter), threshold=threshold, revision=revision, drawn=drawn, link=link,
        view=view, chosen=segmenter.threshold, response=response, heard=heard,
    )  # fmt: skip
    if not (with_image or isinstance(response, ImageResponse)):
        return sent
    height, width = probability.shape
    shown = SentImage(
        name=image.name, height=height, width=width, grey=image.pixels, probability=probability, truth=image.truth,
        margin=image.margin if image.margin.any() else None, guessed=image.guessed,
        code=image.code or snippets.of_file(image.name),
    )  # fmt: skip
    network = SentNetwork(
        config=segmenter.model.config, sites=segmenter.model.sites(), parts=explain.parts(segmenter),
        samples=list(SAMPLES), window=TILE,
        calibration=_calibration(segmenter, weights), others=_others(weights),
        epochs=kept_epochs(segmenter, weights), learned=learned_epochs(segmenter.card),
        field=explain.receptive_field(segmenter.model.config),
        parameters=sum(p.numel() for p in segmenter.model.parameters()),
        seeds=list(SAMPLES.values()), code=snippets.of_weights(Path(weights[0]), places.ROOT),
    )  # fmt: skip
    return msgspec.structs.replace(sent, image=shown, network=network, palette=Palette(), lesson=lesson.LINKS)


def _calibration(segmenter: Segmenter, weights: WeightsKey) -> CalibrationBothWays:
    """From the report beside the weights, where that is of these tensors and of validation tiles."""
    try:
        found = read_evaluation(Path(weights[0]), segmenter.card)
    except ReportError:  # the page Evaluation says why
        found = None
    return found.calibration_tenths if found is not None and found.split == "val" else CalibrationBothWays()


def _others(weights: WeightsKey) -> list[OtherWeights]:
    return [
        OtherWeights(name=one.name, label=one.label, code=snippets.of_weights(one.path, places.ROOT))
        for one in find_weights()
        if str(one.path) != weights[0]
    ]


def key(image: SeismicImage, probability: Probability, segmenter: Segmenter) -> str:
    """Names an image with its truth and the network that looks at it."""
    digest = hashlib.sha256(image.digest.encode() + probability.tobytes())
    digest.update(segmenter.card.sha256.encode())
    if image.truth is not None:
        digest.update(image.truth.tobytes())
    return digest.hexdigest()


Blocks: TypeAlias = tuple[dict[str, object], bytes]  # an array's entry in the JSON, and its bytes


def plain(array: NDArray[Any]) -> Blocks:
    """An array as ``pack`` writes it: bool and uint8 as bytes, all other numbers as float32."""
    kind = "u1" if array.dtype in (np.bool_, np.uint8) else "f4"
    return {"array": kind}, np.ascontiguousarray(array, "<" + kind).tobytes()


def pack(content: object, write: Callable[[NDArray[Any]], Blocks] = plain, level: int = 1) -> bytes:
    r"""A message as bytes, for ``unpack`` in pack.js.

    Args:
        content: what JSON can hold, structs, and NumPy arrays at any depth.
        write: how an array is written.
        level: of zlib; the fastest one is 1, the next ones take longer and save a hundredth of plain arrays.

    Returns:
        Deflated: the length of the JSON (4 bytes, little-endian), the JSON, padded to four bytes, and the arrays.
        In the JSON an array is ``{"array": "u1" or "f4", "offset": bytes, "length": values}``.

    Example:
        >>> zlib.decompress(pack({"a": np.array([1, 2], np.uint8)}))[4:]
        b'{"a":{"array":"u1","offset":0,"length":2}}  \x01\x02\x00\x00'
    """
    blocks: list[bytes] = []

    def place(value: object) -> object:
        if not isinstance(value, np.ndarray):
            raise TypeError(f"expected something JSON or NumPy holds, got {type(value).__name__}")
        entry, values = write(value)
        offset = sum(map(len, blocks))
        blocks.append(values + bytes(-len(values) % 4))
        return {**entry, "offset": offset, "length": value.size}

    text = msgspec.json.encode(content, enc_hook=place)
    text += b" " * (-len(text) % 4)
    return zlib.compress(struct.pack("<I", len(text)) + text + b"".join(blocks), level=level)
