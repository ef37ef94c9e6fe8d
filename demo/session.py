"""A session to take away and to open again: many images with what was found in them, as one ZIP.

Nothing here knows Streamlit or Gradio or writes to disk.  A ZIP that comes back is trusted no further than any other
upload: its size is known before anything is unpacked, no name in it is used as a path, and its JSON is checked field
by field.
"""

import csv
import io
import json
import re
import threading
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import IO, Any, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from demo import core
from unet import render, rle
from unet.data import pairing
from unet.files import images as files
from unet.files.images import FORMATS, SUFFIXES, printable
from unet.segmenter import Mask, Probability, Segmenter

VERSION = 1  # of state.json

LARGEST_ZIP = 200  # MB, packed and unpacked; demo/.streamlit/config.toml repeats it for the server
LARGEST_TOTAL = 20_000_000  # pixels of all images together; a ZIP has about 8 bytes for each
MOST_ENTRIES = 5_000
LARGEST_DIRECTORY = 2_000_000  # bytes of a ZIP's table of contents, about 100 an entry
LARGEST_STATE = 1_000_000  # bytes of state.json; of 200 images it has about 30,000
LARGEST_RATIO = 100  # unpacked to packed; images hardly shrink
LONGEST_TEXT = 300  # characters of a name
THUMBNAIL = 112  # pixels a side at most

MEGABYTE = 2**20
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others may ask for gigabytes to unpack a little
COLUMNS = (
    "id", "rle_mask", "name", "rows", "columns", "threshold", "salt_percent", "salt_pixels", "highest_probability",
    "iou", "dice", "competition_score",
)  # fmt: skip

T = TypeVar("T")


class SessionError(ValueError):
    """A ZIP that cannot be opened; the message is one sentence that starts with its name and says why."""


# --- What a ZIP says of a session ---------------------------------------------------------------------------


@dataclass(frozen=True)
class View:
    """What of the explorer is open, as viewer.js keeps it; whether it fits an image and a network is seen there.

    Attributes:
        layer: the block of the U that is open, or None.
        channel: the map of it that is open, or None.
        cuts: the parts of the U that are cut.
        fill: what stands in for them: ``zero``, ``mean`` or a sample.
        pixel: the row and the column that was asked about, or None.
        box: the top, the left, the height and the width that was asked about, or None.
        random: whether the network with random weights answers.
        window: the top and the left of the part that is opened up, or None.
    """

    layer: str | None = None
    channel: int | None = None
    cuts: tuple[str, ...] = ()
    fill: str = "zero"
    pixel: tuple[int, ...] | None = None
    box: tuple[int, ...] | None = None
    random: bool = False
    window: tuple[int, ...] | None = None


@dataclass(frozen=True)
class State:
    """What a session was about, apart from its images.

    Attributes:
        image: the name of the image that was open, in the ZIP or a sample's.
        weights: what the weights are called.
        sha256: of their tensors.
        threshold: in [0, 1].
        view: what of the explorer was open; None where nobody knows.
    """

    image: str
    weights: str
    sha256: str
    threshold: float
    view: View | None = None


@dataclass(frozen=True)
class ArchivedImage:
    """An image out of a ZIP: its name, its file with the suffix of it, and the file of its truth, if any."""

    name: str
    suffix: str
    image: bytes
    truth: bytes | None


class Session(NamedTuple):
    """What a ZIP holds; ``state`` is None for one that only holds images.

    ``left_out`` are sentences about what of it nobody sees.
    """

    images: list[ArchivedImage]
    state: State | None
    left_out: list[str]


def read_view(value: object) -> View:
    """A view out of JSON; what is not there has its default.

    Raises:
        SessionError: a field is not what it should be.
    """
    fields = _object(value, "view")
    cuts = fields.get("cuts", [])
    if not isinstance(cuts, list) or len(cuts) > 20:
        raise _unexpected("a short list", cuts, "cuts")
    random = fields.get("random", False)
    if not isinstance(random, bool):
        raise _unexpected("true or false", random, "random")
    return View(
        layer=_maybe(_text, fields, "layer"),
        channel=_maybe(_whole, fields, "channel"),
        cuts=tuple(_text(name, "cuts") for name in cuts),
        fill=_text(fields.get("fill", "zero"), "fill"),
        pixel=_numbers(fields, "pixel", 2),
        box=_numbers(fields, "box", 4),
        random=random,
        window=_numbers(fields, "window", 2),
    )


# --- Writing ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ExportedImage:
    """An image to take away.

    Attributes:
        name: the one it was chosen by; no two of a session are alike.
        opened: the image.
        probability: (H, W) float32 of it.
        original: the file it was uploaded as; None writes an 8-bit PNG.
        suffix: of that file.
    """

    name: str
    opened: core.SeismicImage
    probability: Probability
    original: bytes | None = None
    suffix: str = ".png"


def stems(names: Sequence[str]) -> list[str]:
    """File names without a suffix, one for each name, that any disk takes and no two of which are alike.

    Example:
        >>> stems(["line 7.png", "line-7.tif", "../../etc/passwd", "Ölfeld.png", "con.png"])
        ['line-7', 'line-7-2', 'passwd', 'lfeld', 'image-con']
    """
    taken: set[str] = set()
    found = []
    for name in names:
        stem = re.sub(r"[^A-Za-z0-9_]+", "-", core.stem(name)).strip("-")[:60]
        if not stem or re.fullmatch(r"con|prn|aux|nul|com\d|lpt\d", stem, re.IGNORECASE):  # devices on Windows
            stem = f"image-{stem}".strip("-")
        number, free = 1, stem
        while free.lower() in taken:
            number += 1
            free = f"{stem}-{number}"
        taken.add(free.lower())
        found.append(free)
    return found


def result(stem: str, name: str, finding: core.Finding) -> dict[str, str | int]:
    """An image's row in the table of results; columns that need a truth are empty without one.

    Args:
        stem: what its files are called, and so its id.
        name: what the visitor calls it.
        finding: at some threshold.
    """
    rows, columns = finding.mask.shape
    scores = {"iou": finding.iou, "dice": finding.dice, "competition_score": finding.competition}
    return {
        "id": stem,
        "rle_mask": rle.encode(finding.mask),
        # A spreadsheet would compute a name that looks like a formula.
        "name": f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name,
        "rows": rows,
        "columns": columns,
        "threshold": repr(finding.threshold),
        "salt_percent": f"{100 * finding.share:.4f}",
        "salt_pixels": finding.pixels,
        "highest_probability": f"{finding.highest:.6f}",
        **{column: "" if score is None else f"{score:.6f}" for column, score in scores.items()},
    }


def results_csv(rows: Iterable[dict[str, str | int]]) -> bytes:
    """The table of results: Kaggle's two columns, then what people ask for."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def write(file: IO[bytes], state: State, names: Sequence[str], taken: Iterable[ExportedImage]) -> None:
    """Writes a session as a ZIP, image after image: only one needs to be in memory.

    Args:
        file: to write to; it need not be one that can be rewound.
        state: what the session is about.
        names: of the images.
        taken: the images, in the order of ``names``.
    """
    rows, images = [], []
    with zipfile.ZipFile(file, "w") as archive:
        for stem, one in zip(stems(names), taken, strict=True):
            finding = core.find(one.probability, state.threshold, one.opened.truth, one.opened.margin)
            suffix = one.suffix if one.suffix in SUFFIXES else ".png"
            entry = {"name": one.name, "picture": f"pictures/{stem}{suffix}", "truth": None}
            # An upload stays as it came: how much it would shrink is what a bomb is known by when it comes back.
            _add(archive, str(entry["picture"]), one.original or core.grey_png(one.opened))
            if one.opened.truth is not None:
                entry["truth"] = f"truths/{stem}.png"
                _add(archive, f"truths/{stem}.png", core.mask_png(one.opened.truth))
            _add(archive, f"masks/{stem}.png", core.mask_png(finding.mask))
            _add(archive, f"probabilities/{stem}.png", core.probability_png(one.probability))
            _add(archive, f"probabilities/{stem}.npy", core.probability_npy(one.probability), deflate=True)
            _add(archive, f"overlays/{stem}.png", core.overlay_png(one.opened, finding.mask))
            rows.append(result(stem, one.name, finding))
            images.append(entry)
        _add(archive, "results.csv", results_csv(rows), deflate=True)
        _add(archive, "state.json", _state_json(state, images), deflate=True)


def _state_json(state: State, images: list[dict[str, str | None]]) -> bytes:
    content = {
        "version": VERSION,
        "picture": state.image,
        "weights": {"name": state.weights, "sha256": state.sha256},
        "threshold": state.threshold,
        "view": None if state.view is None else asdict(state.view),
        "pictures": images,
    }
    return json.dumps(content, indent=1).encode()


def _add(archive: zipfile.ZipFile, name: str, content: bytes, deflate: bool = False) -> None:
    entry = zipfile.ZipInfo(name)  # without a date: one session is always the same bytes
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content, zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED)


# --- Reading ------------------------------------------------------------------------------------------------


def is_zip(name: str) -> bool:
    """Whether a file is to be opened as a session, and not as an image."""
    return name.lower().endswith(".zip")


def read(content: bytes, name: str) -> Session:
    """What a visitor's ZIP holds: a session, or otherwise images.

    Without a state.json, images and truths are told apart and paired as in a data set: by the folders ``images`` and
    ``masks`` of each survey, or by names such as ``x_mask.png``.

    Args:
        content: the whole ZIP.
        name: what to call it in an error.

    Returns:
        The images and truths as files, not yet decoded, and the state.

    Raises:
        SessionError: no ZIP, a damaged one, one that is too large, or a state.json that says something impossible.
    """
    try:
        with zipfile.ZipFile(_Guarded(content)) as archive:
            reader = _Reader(archive, len(content))
            found = _session(reader) if "state.json" in reader.entries else _images(reader)
    except SessionError as error:
        raise SessionError(f"{name}: {error}") from None
    except Exception as error:  # zipfile raises many types on broken archives, and all mean the same
        text = printable(str(error))[:100] or type(error).__name__
        raise SessionError(f"{name}: not a ZIP that can be read ({text})") from None
    if not found.images and found.state is None:
        raise SessionError(f"{name}: no images in it that can be read ({FORMATS}), and no state.json")
    return found


class _Guarded(io.BytesIO):
    """A file whose table of contents is only read where it has a sensible size: one of 200 MB fills the memory."""

    opening = True

    def read(self, size: int | None = -1, /) -> bytes:
        left = len(self.getbuffer()) - self.tell()
        if self.opening and (left if size is None or size < 0 else min(size, left)) > LARGEST_DIRECTORY:
            raise SessionError("its table of contents is too large; split it into smaller ones")
        return super().read(size)


class _Reader:
    """The entries of an archive, none of them read before all their sizes are known to be sensible."""

    def __init__(self, archive: zipfile.ZipFile, packed: int) -> None:
        assert isinstance(archive.fp, _Guarded)
        archive.fp.opening = False
        entries = archive.infolist()
        if len(entries) > MOST_ENTRIES:
            raise SessionError(f"{len(entries):,} entries, more than {MOST_ENTRIES:,}; split it into smaller ones")
        self.archive, self.packed, self.read_so_far = archive, packed, 0
        self.entries = {entry.filename: entry for entry in entries if not entry.is_dir()}

    def check(self, names: Iterable[str]) -> None:
        """Refuses entries that say they are too large together."""
        self._check_total(sum(self.entries[name].file_size for name in names))

    def read(self, name: str, largest: int) -> bytes:
        """One entry, at most so many bytes of it: the size an entry declares may be a lie."""
        entry = self.entries[name]
        if entry.compress_type not in METHODS or entry.flag_bits & 1:
            raise SessionError("expected plain or deflated entries; one is encrypted or packed in another way")
        if entry.file_size > largest:
            raise SessionError(f"{printable(name)[:LONGEST_TEXT]} in it is larger than {largest // MEGABYTE} MB")
        try:
            with self.archive.open(entry) as stream:
                content = stream.read(largest + 1)
        except (zipfile.BadZipFile, EOFError, zlib.error):
            raise SessionError(f"{printable(name)[:LONGEST_TEXT]} in it is damaged or cut short") from None
        if len(content) > largest:
            raise SessionError(f"{printable(name)[:LONGEST_TEXT]} in it is larger than {largest // MEGABYTE} MB")
        self.read_so_far += len(content)
        self._check_total(self.read_so_far)
        return content

    def _check_total(self, total: int) -> None:
        if total > LARGEST_ZIP * MEGABYTE:
            raise SessionError(f"unpacked it has more than {LARGEST_ZIP} MB; split it into smaller ones")
        if total > core.LARGEST_UPLOAD * MEGABYTE and total > LARGEST_RATIO * self.packed:
            raise SessionError(f"unpacked it is more than {LARGEST_RATIO} times larger; images hardly shrink")

    def kept(self, found: list[tuple[str, str, str | None]]) -> list[ArchivedImage]:
        """Name, image and truth as they are called in the archive -> the same with their bytes."""
        if len(found) > core.MOST_FILES:
            raise SessionError(
                f"{len(found):,} images, more than the {core.MOST_FILES} this page takes; "
                "split it into smaller ones, or use python -m unet predict"
            )
        self.check(entry for _, image, truth in found for entry in (image, truth) if entry is not None)
        largest = core.LARGEST_UPLOAD * MEGABYTE
        return [
            ArchivedImage(
                name,
                PurePosixPath(image).suffix.lower(),
                self.read(image, largest),
                None if truth is None else self.read(truth, largest),
            )
            for name, image, truth in found
        ]


def _session(reader: _Reader) -> Session:
    try:
        content = json.loads(reader.read("state.json", LARGEST_STATE))
    except (ValueError, RecursionError) as error:
        if isinstance(error, SessionError):
            raise
        raise SessionError("its state.json is not JSON") from None
    try:
        fields = _object(content, "it")
        if fields.get("version") != VERSION or isinstance(fields.get("version"), bool):
            raise _unexpected(f"{VERSION}", fields.get("version"), "version")
        weights = _object(fields.get("weights"), "weights")
        view = fields.get("view")
        state = State(
            image=_text(fields.get("picture"), "picture"),
            weights=_text(weights.get("name"), "weights name"),
            sha256=_text(weights.get("sha256"), "weights sha256"),
            threshold=_share(fields.get("threshold"), "threshold"),
            view=None if view is None else read_view(view),
        )
        images = fields.get("pictures")
        if not isinstance(images, list):
            raise _unexpected("a list", images, "pictures")
        found = []
        for number, entry in enumerate(images, start=1):
            where = f"image {number}"
            entry = _object(entry, where)
            image, truth = _text(entry.get("picture"), where), _maybe(_text, entry, "truth")
            for name in (image, truth):
                if name is not None and name not in reader.entries:
                    raise SessionError(f"there is no {name[:60]!r} in the ZIP")
            found.append((_text(entry.get("name"), f"{where} name"), image, truth))
    except SessionError as error:
        raise SessionError(f"its state.json is not one of this program ({error})") from None
    return Session(reader.kept(found), state, [])


def _images(reader: _Reader) -> Session:
    # Some archives from Windows separate folders by backslashes.
    entries = [(PurePosixPath(name.replace("\\", "/")), name) for name in reader.entries]
    entries.sort(key=lambda entry: entry[0].parts)
    entries = [(path, name) for path, name in entries if path.name and not files.is_hidden(path)]
    paths = [path for path, _ in entries]
    images = files.choose(paths)
    beside = pairing.is_mask_beside([paths[index] for index in images])
    images = [index for place, index in enumerate(images) if place not in beside]
    masks = files.choose(paths, files.MASKS) + [images[place] for place in sorted(beside)]
    found = pairing.pair([paths[index] for index in images], [paths[index] for index in masks])
    names = [paths[index].name for index in images]
    twice = {name for name in names if names.count(name) > 1}
    shown = [
        str(pairing.home(paths[index]) / name) if name in twice else name
        for index, name in zip(images, names, strict=True)
    ]
    said = list(found.ambiguous)
    if found.unpaired:
        first = paths[masks[found.unpaired[0]]]
        said.append(f"left out {len(found.unpaired):,} masks without an image, first {first}")
    if others := files.left_out(paths):
        said.append(f"left out {len(others):,} of its files, first {paths[others[0]]}; expected {FORMATS}")
    kept = reader.kept(
        [
            (
                printable(name)[-LONGEST_TEXT:],
                entries[images[image]][1],
                None if mask is None else entries[masks[mask]][1],
            )
            for name, (image, mask) in zip(shown, found.pairs, strict=True)
        ]
    )
    return Session(kept, None, [printable(sentence)[:LONGEST_TEXT] for sentence in said])


# --- JSON, field by field -----------------------------------------------------------------------------------


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _unexpected("an object", value, where)
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise _unexpected("a short text", value, where)
    return printable(value)


def _whole(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise _unexpected("a whole number from 0", value, where)
    return value


def _share(value: object, where: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise _unexpected("a number from 0 to 1", value, where)
    return float(value)


def _maybe(check: Callable[[object, str], T], fields: dict[str, Any], name: str) -> T | None:
    value = fields.get(name)
    return None if value is None else check(value, name)


def _numbers(fields: dict[str, Any], name: str, count: int) -> tuple[int, ...] | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != count:
        raise _unexpected(f"{count} whole numbers", value, name)
    return tuple(_whole(number, name) for number in value)


def _unexpected(expected: str, value: object, where: str) -> SessionError:
    return SessionError(f"expected {where} to be {expected}, got {repr(value)[:40]}")


# --- Many images at once -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ImageSource:
    """An image to choose from.  Making one opens nothing, so that there can be hundreds.

    Attributes:
        key: names the content of the image and of its truth.
        open: the image with its truth.
        pixels: how many it has; 0 for samples and survey tiles, which are small.
        original: the file as it was uploaded; None for what was not.
        suffix: of that file.
    """

    key: Hashable
    open: Callable[[], core.SeismicImage]
    pixels: int = 0
    original: Callable[[], bytes] | None = None
    suffix: str = ".png"


class GalleryRow(NamedTuple):
    """An image in a strip of many: figures as in ``core.Finding``, and a small image of its salt, WebP."""

    pixels: int
    share: float
    highest: float
    iou: float | None
    dice: float | None
    competition: float | None
    thumbnail: bytes


def row(opened: core.SeismicImage, probability: Probability, threshold: float) -> GalleryRow:
    """What a strip shows of one image at a threshold."""
    found = core.find(probability, threshold, opened.truth, opened.margin)
    return GalleryRow(
        found.pixels,
        found.share,
        found.highest,
        found.iou,
        found.dice,
        found.competition,
        thumbnail(opened.pixels, found.mask),
    )


def thumbnail(pixels: NDArray[np.uint8], mask: Mask) -> bytes:
    """A WebP of an image with the salt tinted, at most 112 pixels a side.

    Args:
        pixels: (H, W) uint8.
        mask: (H, W) bool.
    """
    scale = THUMBNAIL / max(mask.shape)
    if scale < 1:
        height, width = (max(1, round(scale * side)) for side in mask.shape)
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        share = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        mask = np.greater(share, np.float32(0.5))
    tinted = render.overlay(pixels, mask)[..., ::-1]  # OpenCV writes blue first
    written, content = cv2.imencode(".webp", tinted, [cv2.IMWRITE_WEBP_QUALITY, 70])
    if not written:
        raise RuntimeError(f"OpenCV could not write a WebP of {tinted.shape}")
    return content.tobytes()


def asked(state: Mapping[str, Any]) -> tuple[object, ...]:
    """What a visitor asks for beside a page, by the names of its widgets: a change needs more than a part of the page.

    Two changes at the same moment reach Streamlit as one, which then runs what the first of them belongs to; a part
    of a page that runs by itself has to see whether there was more.
    """
    files = [file.file_id for name in ("uploads", "masks") for file in state.get(name) or ()]
    return state.get(box(state, "image")), state.get(box(state, "weights_label")), *files


def box(state: Mapping[str, Any], name: str) -> str:
    """What Streamlit calls the box in which ``name`` is chosen now."""
    return f"{name} {state.get(f'{name}_boxes', 0)}"


class ByteCache:
    """Keeps what was computed, up to so many bytes; what was not asked for the longest goes first.

    One serves all visitors and all threads: a key must name the content a value was made of.

    Example:
        >>> byte_cache = ByteCache(capacity=10)
        >>> for key in "abc":
        ...     byte_cache.put(key, key.upper(), size=5)
        >>> byte_cache.get("a"), byte_cache.get("b"), byte_cache.get("c")
        (None, 'B', 'C')
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.size = 0
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Any:
        """What was put under a key, or None."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Keeps a value of so many bytes; one that is larger than the shelf is not kept."""
        if size > self.capacity:
            return
        with self._lock:
            self.size += size - self._kept.pop(key, (None, 0))[1]
            self._kept[key] = value, size
            while self.size > self.capacity:
                self.size -= self._kept.popitem(last=False)[1][1]


class Gallery:
    """Images of which everything is wanted, in the order in which they are named.

    They go through the network one at a time: measured, that takes no longer than many at once, and a probability is
    then the same to the last bit whatever else is there.

    Args:
        sources: label -> source.
        segmenter: the network.
        weights: names it.
        byte_cache: where probabilities and rows are kept; several collections may share one.
    """

    def __init__(
        self, sources: dict[str, ImageSource], segmenter: Segmenter, weights: Hashable, byte_cache: ByteCache
    ) -> None:
        total, self.sources = 0, {}
        for label, source in sources.items():
            total += source.pixels
            if total <= LARGEST_TOTAL:
                self.sources[label] = source
        self.left_out = [label for label in sources if label not in self.sources]
        self._segmenter, self._weights, self._shelf = segmenter, weights, byte_cache

    def probability(self, opened: core.SeismicImage) -> Probability:
        """(H, W) float32 of any image."""
        key = ("probability", self._weights, opened.digest)
        kept: Probability | None = self._shelf.get(key)
        if kept is None:
            kept = self._segmenter.probability(opened.grey)
            self._shelf.put(key, kept, kept.nbytes)
        return kept

    def known_row(self, label: str, threshold: float) -> GalleryRow | None:
        """What a strip shows of an image, if that was computed before."""
        kept: GalleryRow | None = self._shelf.get(self._row_key(label, threshold))
        return kept

    def row(self, label: str, threshold: float) -> GalleryRow:
        """What a strip shows of an image."""
        if kept := self.known_row(label, threshold):
            return kept
        opened = self.sources[label].open()
        made = row(opened, self.probability(opened), threshold)
        self._shelf.put(self._row_key(label, threshold), made, len(made.thumbnail) + 1000)
        return made

    def _row_key(self, label: str, threshold: float) -> Hashable:
        return "row", self._weights, self.sources[label].key, threshold

    def taken(self) -> Iterator[ExportedImage]:
        """Everything of each image, one after the other."""
        for label, source in self.sources.items():
            opened = source.open()
            original = None if source.original is None else source.original()
            yield ExportedImage(label, opened, self.probability(opened), original, source.suffix)

    def zip(self, state: State) -> bytes:
        """The session as a ZIP; see ``write``."""
        file = io.BytesIO()
        write(file, state, list(self.sources), self.taken())
        return file.getvalue()

    def results(self, threshold: float) -> bytes:
        """The table of results alone."""
        found = (core.find(one.probability, threshold, one.opened.truth, one.opened.margin) for one in self.taken())
        return results_csv(map(result, stems(list(self.sources)), self.sources, found))
