"""The session file: a ZIP of many images and of what was found in them, which opens the session again.

A ZIP that comes back is trusted no further than any other upload: ``unet.files.archives`` reads it, and its state.json
is read as a type.
"""

import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from demo import export, limits
from demo.export import ExportedImage
from demo.limits import LONGEST_TEXT, MEGABYTE
from demo.view import Text, ViewState, changes
from unet import typed
from unet.data import pairing
from unet.files import selection
from unet.files.archives import Archive, ArchiveError, Entry, Limits
from unet.files.images import FORMATS, SUFFIXES
from unet.files.printable import printable
from unet.typed import Share

VERSION = 1
MOST_ENTRIES = 5_000
LARGEST_DIRECTORY = 2_000_000  # bytes of a ZIP's table of contents, about 100 an entry
LARGEST_STATE = 1_000_000  # bytes of state.json; of 200 images it has about 30,000
LARGEST_RATIO = 100  # unpacked to packed; images hardly shrink


class SessionError(ValueError):
    """A ZIP that cannot be opened; the message is one sentence that starts with its name and says why."""


class WeightsName(Struct, frozen=True):
    """What weights are called, and the sha256 of their tensors."""

    name: Text
    sha256: Text


class SessionState(Struct, frozen=True, kw_only=True, rename={"image": "picture"}):
    """What a session was about, apart from its images.

    Attributes:
        version: of the format.
        image: the name of the image that was open, in the ZIP or a sample's.
        weights: the chosen weights.
        threshold: in [0, 1].
        view: what of the explorer was open; None where nobody knows.
    """

    version: Annotated[int, Meta(ge=VERSION, le=VERSION)] = VERSION
    image: Text
    weights: WeightsName
    threshold: Share
    view: ViewState | None = None


class _ImageEntry(Struct, frozen=True, kw_only=True, rename={"image": "picture"}):
    """An image in state.json: its name, and the names of its file and of its mask's in the ZIP."""

    name: Text
    image: Text
    truth: Text | None = None


class _Entries(Struct, frozen=True, rename={"images": "pictures"}):
    """The images in state.json."""

    images: list[_ImageEntry]


class ArchivedImage(NamedTuple):
    """An image out of a ZIP: its name, its file with the suffix of it, and the file of its truth, if any."""

    name: str
    suffix: str
    image: bytes
    truth: bytes | None


class UnpackedSession(NamedTuple):
    """What a ZIP holds; ``state`` is None for one that only holds images.

    ``left_out`` are sentences about what of it nobody sees.
    """

    images: list[ArchivedImage]
    state: SessionState | None
    left_out: list[str]


# --- Writing ------------------------------------------------------------------------------------------------


def notes(state: SessionState, left_out: Sequence[str] = ()) -> list[str]:
    """What of a session its files leave out, in sentences.

    Args:
        state: what the session is about.
        left_out: names of images that are not in it.
    """
    said = []
    if changed := changes(state.view):
        said.append(
            f"The explorer shows the network {changed}. All files are of the whole trained network on the images as "
            "they were opened, and so is results.csv; the session opens again as the explorer shows it, with other "
            "numbers."
        )
    if left_out:
        said.append(f"Left out are the images {', '.join(left_out)}.")
    return said


def pack(
    state: SessionState, names: Sequence[str], images: Iterable[ExportedImage], left_out: Sequence[str] = ()
) -> bytes:
    """A session as the bytes of a ZIP, written image after image.

    Args:
        state: what the session is about.
        names: of the images.
        images: in the order of ``names``.
        left_out: names of images that are not in it.
    """
    said = notes(state, left_out)
    file = io.BytesIO()
    rows, entries, others = [], [], set()
    with zipfile.ZipFile(file, "w") as archive:
        for stem, one in zip(export.file_stems(names), images, strict=True):
            found = one.detect(state.threshold)
            path, truth = f"pictures/{stem}{one.suffix if one.suffix in SUFFIXES else '.png'}", None
            # An upload stays as it came: how much it would shrink is what a bomb is known by when it comes back.
            _add(archive, path, one.original or export.grey_png(one.image))
            if one.image.truth is not None:
                truth = f"truths/{stem}.png"
                _add(archive, truth, export.mask_png(one.image.truth))
            _add(archive, f"masks/{stem}.png", export.mask_png(found.mask))
            _add(archive, f"probabilities/{stem}.png", export.probability_png(one.probability))
            _add(archive, f"probabilities/{stem}.npy", export.probability_npy(one.probability), deflate=True)
            _add(archive, f"overlays/{stem}.png", export.overlay_png(one.image, found.mask))
            rows.append(export.result(stem, one, found))
            if one.other is not None:
                others.add(one.other.weights)
            entries.append(_ImageEntry(name=one.name, image=path, truth=truth))
        _add(archive, "results.csv", export.results_csv(rows), deflate=True)
        content = msgspec.to_builtins(state) | msgspec.to_builtins(_Entries(entries))
        if said:
            content["notes"] = said
        _add(archive, "README.txt", _readme(state, sorted(others), said).encode())
        _add(archive, "state.json", json.dumps(content, indent=1).encode(), deflate=True)
    return file.getvalue()


def _readme(state: SessionState, others: Sequence[str], said: Sequence[str]) -> str:
    """What the files of a session are, the weights they are compared with, and what they leave out."""
    weights = f"weights {state.weights.name} (sha256 {state.weights.sha256})"
    tta = state.view is not None and state.view.tta
    passes = "with flip TTA: the mean with the mirrored image" if tta else "one forward pass without flip TTA"
    return "\n".join([
        f"A session of Salt U-Net: {weights}, threshold {state.threshold:g}, {passes}.",
        "",
        "pictures       the images as they were uploaded",
        "truths         their ground truth, 255 is salt; only where it is known",
        "masks          255 where the probability lies above the threshold",
        "probabilities  PNG of 16 bits, 65535 is probability 1, and NPY of float32",
        "overlays       the images with the salt tinted",
        "results.csv    salt area, IoU, Dice and mAP of each image, and its mask as Kaggle's run-lengths",
        *(f"               and the share that {name} calls differently at this threshold" for name in others),
        "state.json     what opens the session again",
        *(f"\n{sentence}" for sentence in said),
        "",
    ])  # fmt: skip


def _add(archive: zipfile.ZipFile, name: str, content: bytes, deflate: bool = False) -> None:
    entry = zipfile.ZipInfo(name)  # without a date: one session is always the same bytes
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content, zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED)


# --- Reading ------------------------------------------------------------------------------------------------


def is_zip(name: str) -> bool:
    """Whether a file is to be opened as a session, and not as an image."""
    return name.lower().endswith(".zip")


def read(content: bytes, name: str) -> UnpackedSession:
    """What a user's ZIP holds: a session, or otherwise images.

    Without a state.json, images and truths are told apart and paired as in a dataset: by the folders ``images`` and
    ``masks`` of each survey, or by names such as ``x_mask.png``.

    Args:
        content: the whole ZIP.
        name: what to call it in an error.

    Returns:
        The images and truths as files, not yet decoded, and the state.

    Raises:
        SessionError: no ZIP, a damaged one, one that is too large, or a state.json that says something impossible.
    """
    largest = limits.LARGEST_UPLOAD * MEGABYTE
    allowed = Limits(MOST_ENTRIES, LARGEST_DIRECTORY, largest, limits.LARGEST_ZIP * MEGABYTE, LARGEST_RATIO)
    try:
        archive = Archive(content, allowed)
        by_name = {entry.info.filename: entry for entry in archive.entries}
        found = _read_session(archive, by_name) if "state.json" in by_name else _read_images(archive)
    except ValueError as error:  # of the archive or of its state
        raise SessionError(f"{name}: {error}") from None
    if not found.images and found.state is None:
        raise SessionError(f"{name}: expected images ({FORMATS}) or a state.json in it, got neither")
    return found


def _read_session(archive: Archive, by_name: dict[str, Entry]) -> UnpackedSession:
    content = _read_entry(archive, by_name["state.json"], LARGEST_STATE)
    try:
        fields = typed.parse(content)
        state, entries = typed.convert(fields, SessionState), typed.convert(fields, _Entries).images
        for path in (path for entry in entries for path in (entry.image, entry.truth) if path is not None):
            if path not in by_name:
                raise ValueError(f"there is no {path[:60]!r} in the ZIP")
    except ValueError as error:
        raise ValueError(f"its state.json is not one of this program ({error})") from None
    state = msgspec.structs.replace(state, image=printable(state.image))
    files = [(e.name, by_name[e.image], None if e.truth is None else by_name[e.truth]) for e in entries]
    return UnpackedSession(_read_all(archive, files), state, [])


def _read_images(archive: Archive) -> UnpackedSession:
    entries = list({entry.path: entry for entry in archive.entries}.values())  # of two files of one path the last
    paths = [entry.path for entry in entries]
    chosen = selection.choose(paths)
    beside = pairing.masks_beside([paths[index] for index in chosen])
    images = [index for place, index in enumerate(chosen) if place not in beside]
    masks = selection.choose(paths, selection.MASKS) + [chosen[place] for place in sorted(beside)]
    found = pairing.pair([paths[index] for index in images], [paths[index] for index in masks])
    names = [paths[index].name for index in images]
    twice = {name for name in names if names.count(name) > 1}
    shown = [
        str(pairing.home(paths[index]) / name) if name in twice else name
        for index, name in zip(images, names, strict=True)
    ]
    left_out = list(found.ambiguous)
    if found.unpaired:
        first = paths[masks[found.unpaired[0]]]
        left_out.append(f"expected an image for every mask, got none for {len(found.unpaired):,}, first {first}")
    if others := selection.left_out(paths):
        left_out.append(f"expected {FORMATS}, got {len(others):,} other files, first {paths[others[0]]}; left out")
    files = [
        (name, entries[images[image]], None if mask is None else entries[masks[mask]])
        for name, (image, mask) in zip(shown, found.pairs, strict=True)
    ]
    return UnpackedSession(
        _read_all(archive, files), None, [printable(sentence)[:LONGEST_TEXT] for sentence in left_out]
    )


def _read_all(archive: Archive, files: list[tuple[str, Entry, Entry | None]]) -> list[ArchivedImage]:
    """Name, file of the image and file of its truth -> the same with their bytes."""
    if len(files) > limits.MOST_FILES:
        raise ValueError(
            f"expected at most {limits.MOST_FILES} images, got {len(files):,}; "
            "split it up, or use python -m unet predict"
        )
    archive.check_total(entry for _, image, truth in files for entry in (image, truth) if entry is not None)
    return [
        ArchivedImage(
            printable(name)[-LONGEST_TEXT:],
            PurePosixPath(image.info.filename).suffix.lower(),
            _read_entry(archive, image),
            None if truth is None else _read_entry(archive, truth),
        )
        for name, image, truth in files
    ]


def _read_entry(archive: Archive, entry: Entry, largest: int | None = None) -> bytes:
    try:
        return archive.read(entry, largest)
    except ArchiveError as error:
        raise ArchiveError(f"{printable(entry.info.filename)[:LONGEST_TEXT]} in it: {error}") from None
