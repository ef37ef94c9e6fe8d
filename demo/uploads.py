"""Uploaded files: which mask belongs to which image, and whether each can be used.  Nothing here knows Streamlit."""

import hashlib
from collections.abc import Callable, Container, Sequence
from functools import partial
from pathlib import PurePath, PurePosixPath
from typing import NamedTuple, Protocol

from demo import export, images, limits, session_file, surveys
from demo.amplitudes import UNCHANGED, LimitsChoice
from demo.gallery import ImageSource
from demo.images import SAMPLES, SeismicImage
from demo.markdown import literal, markdown
from demo.session_file import ArchivedImage, SessionState
from demo.surveys import FIRST, SectionChoice
from unet.data.pairing import canonical, masks_beside, pair
from unet.files.images import ImageError

NAMED = 8  # files that one sentence names


class File(Protocol):
    """A file as Streamlit's uploader gives it; no two of a session have one ``file_id``."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def file_id(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102
    def getvalue(self) -> bytes: ...  # noqa: D102


class Upload(NamedTuple):
    """A file from a user, by itself or out of a ZIP; no two of a session have one ``identity``."""

    name: str
    suffix: str
    identity: str
    size: int
    content: Callable[[], bytes]


class UnpackedArchive(NamedTuple):
    """What came in a ZIP: images with their masks, sentences about what was left out, what to reopen; or its fault."""

    pairs: list[tuple[Upload, Upload | None]]
    messages: list[str]
    session: SessionState | None = None
    fault: str = ""


class UploadCheck(NamedTuple):
    """What is known of a file: a digest, its shape, whether it needs limits, why it may be a mask; or its fault."""

    digest: str = ""
    shape: tuple[int, ...] = ()
    needs_limits: bool = False
    doubt: str = ""
    fault: str = ""


class NewUploads(NamedTuple):
    """What has just arrived: label -> name of new images, in order, a new session, and the labels of refused files."""

    images: dict[str, str]
    session: SessionState | None
    refused: list[str]


class Uploads:
    """The uploads of one user; each file is opened once, when it arrives.

    Attributes:
        sources: label -> every image that can be used.
        refused: label -> why an image or a ZIP cannot be used, as Markdown.
        problems: sentences about all that cannot be used, as Markdown.
        choices: identity of an upload -> what was chosen of its limits.
        sections: the same -> which section of it was chosen.
        twins: names of two files each, of which one alone is like a mask.
        join_twins: whether that is the ground truth of the other; otherwise both are images.
    """

    def __init__(self) -> None:
        self.sources: dict[str, ImageSource] = {}
        self.refused: dict[str, str] = {}
        self.problems: list[str] = []
        self.choices: dict[str, LimitsChoice] = {}
        self.sections: dict[str, SectionChoice] = {}
        self.twins: list[str] = []
        self.join_twins = True
        self._identities: dict[str, str] = {}  # label -> identity of the image
        self._checks: dict[str, UploadCheck] = {}
        self._archives: dict[str, UnpackedArchive] = {}

    def receive(self, files: Sequence[File], masks: Sequence[File]) -> NewUploads:
        """Takes over what the uploaders hold now.

        Args:
            files: images and ZIPs.
            masks: ground-truth masks.
        """
        self.problems, self.refused, self.sources, self.twins = [], {}, {}, []
        pairs = self._pair(files, masks)
        session, refused = self._unpack_archives(files, pairs)
        before, self._checks, self._identities = self._checks, {}, {}
        pairs = self._join_twins(pairs, before)
        if too_many := pairs[limits.MOST_FILES :]:
            names = ", ".join(literal(image.name) for image, _ in too_many[:NAMED])
            others = f" and {len(too_many) - NAMED} more" if len(too_many) > NAMED else ""
            expected = f"expected at most {limits.MOST_FILES} images, got {len(pairs):,}"
            self.problems.append(f"{expected}; drop fewer, left out are {names}{others}")
        new = {}
        for image, mask in pairs[: limits.MOST_FILES]:
            check = self._check(image.identity, before, partial(check_image, image), image.name)
            if check.fault:
                label = self._refuse(image.name, check.fault)
                if image.identity not in before:
                    refused.append(label)
                continue
            truth = UploadCheck()
            if mask is None and check.doubt and image.name not in self.twins:
                self.problems.append(markdown(image.name, check.doubt))
            if mask is not None:
                both = f"{image.identity} {mask.identity}"
                truth = self._check(both, before, partial(check_mask, image, mask), mask.name)
            label = free_label(image.name, self.sources.keys() | self.refused.keys() | SAMPLES.keys())
            choice = self.choices.get(image.identity, UNCHANGED)
            section = self.sections.get(image.identity, FIRST)
            opened = partial(open_pair, image, mask if truth.digest else None, choice, section)
            # A session holds what was shown: amplitudes as the grey that their limits gave.
            shown = check.needs_limits or choice != UNCHANGED
            self._identities[label] = image.identity
            self.sources[label] = ImageSource(
                key=(check.digest, truth.digest, choice, section),
                open=opened,
                pixels=check.shape[0] * check.shape[1],
                original=partial(grey_file, opened) if shown else image.content,
                suffix=".npy" if shown else image.suffix,
            )
            if image.identity not in before:
                new[label] = image.name
        return NewUploads(new, session, refused)

    def choose_limits(self, label: str, choice: LimitsChoice) -> None:
        """The user chose the limits of an image, which ``receive`` opens with them; a label that is gone has none."""
        if label in self._identities:
            self.choices[self._identities[label]] = choice

    def choose_section(self, label: str, choice: SectionChoice) -> None:
        """The same for the section of a line or a cube."""
        if label in self._identities:
            self.sections[self._identities[label]] = choice

    def _pair(self, files: Sequence[File], masks: Sequence[File]) -> list[tuple[Upload, Upload | None]]:
        """Every image that came by itself, with the mask that belongs to it."""
        alone = [from_uploader(file) for file in files if not session_file.is_zip(file.name)]
        beside = masks_beside([PurePosixPath(file.name) for file in alone])
        candidates = [file for index, file in enumerate(alone) if index not in beside]
        truths = [*map(from_uploader, masks), *(alone[index] for index in sorted(beside))]
        found = pair([PurePosixPath(one.name) for one in candidates], [PurePosixPath(one.name) for one in truths])
        self.problems += [literal(sentence) for sentence in found.ambiguous]
        for index in found.unpaired:
            name = truths[index].name
            sentence = f"{name}: expected the image of this mask, got none; drop {PurePath(name).stem}.png as well"
            self.problems.append(markdown(name, sentence))
        return [(candidates[index], None if mask is None else truths[mask]) for index, mask in found.pairs]

    def _join_twins(
        self, pairs: list[tuple[Upload, Upload | None]], before: dict[str, UploadCheck]
    ) -> list[tuple[Upload, Upload | None]]:
        """Makes pairs of images and masks of one name that came as if both were images."""
        named: dict[str, list[int]] = {}
        for index, (image, mask) in enumerate(pairs):
            if mask is None:
                named.setdefault(canonical(PurePosixPath(image.name).stem), []).append(index)
        masks: dict[int, int] = {}
        for indices in (indices for indices in named.values() if len(indices) > 1):
            images = [pairs[index][0] for index in indices]
            checks = [self._look(image.identity, before, partial(check_image, image)) for image in images]
            like = [index for index, check in zip(indices, checks, strict=True) if check.doubt]
            name = images[0].name
            if len(indices) == 2 and len(like) == 1 and checks[0].shape == checks[1].shape:
                self.twins.append(name)
                masks[sum(indices) - like[0]] = like[0]
            elif len({PurePosixPath(image.name).parent for image in images}) < len(images):
                reason = (
                    f"expected one file of this name, or an image and its mask, got {len(images)} that cannot be told"
                )
                sentence = f"{name}: {reason} apart; all are images, drop masks on Their ground-truth masks"
                self.problems.append(markdown(name, sentence))
        if not self.join_twins:
            return pairs
        joined = [
            (image, pairs[masks[index]][0] if index in masks else mask) for index, (image, mask) in enumerate(pairs)
        ]
        return [pair for index, pair in enumerate(joined) if index not in masks.values()]

    def _unpack_archives(
        self, files: Sequence[File], pairs: list[tuple[Upload, Upload | None]]
    ) -> tuple[SessionState | None, list[str]]:
        """Adds what is in ZIPs to the pairs; gives the session and the refused labels of those that are new."""
        before, self._archives, session = self._archives, {}, None
        refused = []
        for file in files:
            if session_file.is_zip(file.name):
                if (unpacked := before.get(file.file_id)) is None:
                    unpacked = unpack(file)
                    session = unpacked.session or session
                self._archives[file.file_id] = unpacked
                if unpacked.fault:
                    self.problems.append(markdown(file.name, unpacked.fault))
                    label = self._refuse(file.name, unpacked.fault)
                    if file.file_id not in before:
                        refused.append(label)
                pairs += unpacked.pairs
                self.problems += unpacked.messages
        return session, refused

    def _refuse(self, name: str, fault: str) -> str:
        """The label under which a file says why it cannot be used."""
        label = free_label(name, self.sources.keys() | self.refused.keys() | SAMPLES.keys())
        self.refused[label] = markdown(name, fault)
        return label

    def _check(
        self, identity: str, before: dict[str, UploadCheck], check: Callable[[], UploadCheck], name: str
    ) -> UploadCheck:
        found = self._look(identity, before, check)
        if found.fault:
            self.problems.append(markdown(name, found.fault))
        return found

    def _look(self, identity: str, before: dict[str, UploadCheck], check: Callable[[], UploadCheck]) -> UploadCheck:
        found = self._checks[identity] = before.get(identity) or self._checks.get(identity) or check()
        return found


def from_uploader(file: File) -> Upload:
    """A file that came by itself."""
    return Upload(file.name, PurePath(file.name).suffix.lower(), file.file_id, file.size, file.getvalue)


def unpack(file: File) -> UnpackedArchive:
    """The images in a ZIP, with their masks; samples are left out, because they are always there."""
    try:
        found = session_file.read(file.getvalue(), file.name)
    except session_file.SessionError as error:
        return UnpackedArchive([], [], fault=str(error))
    pairs: list[tuple[Upload, Upload | None]] = []
    for number, one in enumerate(found.images):
        if is_sample(one):
            continue
        identity, mask = f"{file.file_id}/{number}", None
        image = Upload(one.name, one.suffix, identity, len(one.image), partial(bytes, one.image))
        if one.truth is not None:
            name = f"{one.name} (mask)"
            mask = Upload(name, one.suffix, f"{identity} mask", len(one.truth), partial(bytes, one.truth))
        pairs.append((image, mask))
    messages = [markdown(file.name, f"{file.name}: {sentence}") for sentence in found.left_out]
    return UnpackedArchive(pairs, messages, found.state)


def is_sample(archived: ArchivedImage) -> bool:
    """Whether an image out of a ZIP is one of the samples."""
    if archived.name not in SAMPLES:
        return False
    try:
        return images.open_upload(archived.name, archived.image).digest == images.open_sample(archived.name).digest
    except ImageError:  # said when it is opened
        return False


def check_image(image: Upload) -> UploadCheck:
    """Opens an image once: its digest and shape, or why it cannot be used."""
    if image.size > limits.LARGEST_UPLOAD * limits.MEGABYTE:
        expected = f"expected at most {limits.LARGEST_UPLOAD} MB, got {image.size / limits.MEGABYTE:.1f} MB"
        remedy = f"use {surveys.COMMAND} FILE" if surveys.is_segy(image.name) else "cut it into smaller images"
        cube = f", or a cube: use {surveys.COMMAND} FILE" if image.suffix == ".npy" else ""
        return UploadCheck(fault=f"{image.name}: {expected}; {remedy}{cube}")
    content = image.content()
    try:
        opened = images.open_upload(image.name, content)
    except ImageError as error:
        return UploadCheck(fault=str(error))
    needs_limits = opened.amplitudes is not None and opened.amplitudes.needed
    # One section of a cube is not all of it.
    digest = opened.digest if opened.sections is None else hashlib.sha256(content).hexdigest()
    return UploadCheck(digest, opened.grey.shape, needs_limits, images.doubt(opened))


def check_mask(image: Upload, mask: Upload) -> UploadCheck:
    """The same for the mask of an image."""
    try:
        truth = open_pair(image, mask).truth
    except ImageError as error:
        return UploadCheck(fault=str(error))
    assert truth is not None  # it came with a mask
    return UploadCheck(hashlib.sha256(truth.tobytes()).hexdigest(), truth.shape)


def open_pair(
    image: Upload, mask: Upload | None, choice: LimitsChoice = UNCHANGED, section: SectionChoice = FIRST
) -> SeismicImage:
    """An uploaded image with its mask; raises ``ImageError`` where one of them cannot be used."""
    opened = images.open_upload(image.name, image.content(), choice, section)
    return opened if mask is None else images.with_truth(opened, mask.name, mask.content())


def grey_file(opened: Callable[[], SeismicImage]) -> bytes:
    """What ``export.grey_npy`` makes of an image that is opened only then."""
    return export.grey_npy(opened())


def free_label(label: str, taken: Container[str]) -> str:
    """A label of its own for every image: two files may have one name."""
    number, free = 1, label
    while free in taken:
        number += 1
        free = f"{label} ({number})"
    return free
