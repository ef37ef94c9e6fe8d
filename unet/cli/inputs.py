"""The images that a command is given: files, folders and ZIPs, and what of them cannot be used."""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from unet.cli.console import say
from unet.cli.options import UsageError
from unet.data.pairing import masks_beside, pair
from unet.files.images import FORMATS, SUFFIXES, ImageError
from unet.files.listing import ImageFile, MissingError, find_images, find_left_out
from unet.files.printable import reason
from unet.files.selection import IMAGES, MASKS, is_hidden

INPUTS = (
    f"An image ({FORMATS}), or a folder or .zip of images, folders in it included; where there are folders called "
    "images, only those are read."
)
_NAMED = 8  # files that one sentence names


@dataclass
class FoundImages:
    """What the inputs hold.

    Attributes:
        images: all images, without those that are masks of others.
        masks: the mask of each, or None.
        problems: a sentence for each input that cannot be used.
        left_out: number of files that are no images.
    """

    images: list[ImageFile] = field(default_factory=list)
    masks: list[ImageFile | None] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    left_out: int = 0


def find_inputs(inputs: Sequence[Path], labelled: bool = False) -> FoundImages:
    """The images of all inputs; says which files are left out.

    Args:
        inputs: files, folders and ZIPs.
        labelled: whether masks are looked for in folders called masks, too, and not only beside the images; those of an
            image that is named alone are looked for on disk.

    Raises:
        UsageError: an input that is not there, or no image at all.
    """
    if not inputs:
        raise UsageError("expected an image, or a folder or .zip of images, got nothing")
    found = FoundImages()
    empty: list[str] = []
    named: list[ImageFile] = []
    unclear: list[str] = []
    for path in inputs:
        try:
            files, left_out = find_images(path), [file.name for file in find_left_out(path)]
            elsewhere = find_images(path, MASKS) if labelled else []
        except MissingError as error:
            raise UsageError(error) from None
        except ImageError as error:
            found.problems.append(str(error))
            continue
        if not files:
            empty.append(f"{path}: expected images in it ({FORMATS}), got none")
        if left_out:
            found.left_out += len(left_out)
            more = f" and {len(left_out) - _NAMED:,} more" if len(left_out) > _NAMED else ""
            say(
                f"{', '.join(left_out[:_NAMED])}{more}: left out; expected {FORMATS}, and where there are folders "
                "called images only what lies in those"
            )
        if labelled and path.is_file() and files and files[0].path is not None:  # a mask may be named beside its image
            named += files
        else:
            unclear += _add_pairs(found, files, elsewhere, [file.inside for file in files])
    places = [PurePosixPath(os.path.realpath(file.path or "")) for file in named]
    try:
        unnamed = _find_masks(places)
    except OSError as error:  # a folder that may not be listed; its images may be read
        unnamed = []
        unclear.append(f"masks of the named images could not be looked for ({reason(error)})")
    unclear += _add_pairs(found, named, unnamed, places)
    if empty and not found.images and not found.problems:
        raise UsageError("; ".join(empty))
    found.problems[:0] = empty
    if labelled:
        for sentence in unclear:
            say(sentence)
    return found


def _find_masks(images: list[PurePosixPath]) -> list[ImageFile]:
    """What else on disk may be a mask of these: ``x_mask.gif`` beside ``x.jpg``, and ``x.png`` in a folder masks."""
    found: list[PurePosixPath] = []
    known, of_folder = set(images), defaultdict(list)
    for path in images:
        of_folder[path.parent].append(path)
    for folder, named in of_folder.items():
        there = [*named, *(path for path in _images_in(folder) if path not in known)]
        masks = [there[index] for index in sorted(masks_beside(there)) if index >= len(named)]
        for home in [folder, folder.parent] if folder.name.casefold() == IMAGES else [folder]:
            places = [PurePosixPath(place) for place in Path(home).iterdir() if place.name.casefold() == MASKS]
            masks += [path for place in places for path in _images_in(place) if path not in known]
        left_out = set(pair(named, masks).unpaired)
        found += [mask for index, mask in enumerate(masks) if index not in left_out]
    return [replace(find_images(Path(path))[0], inside=path) for path in dict.fromkeys(found)]


def _images_in(folder: PurePosixPath) -> list[PurePosixPath]:
    paths = sorted(PurePosixPath(path) for path in Path(folder).iterdir()) if Path(folder).is_dir() else []
    return [path for path in paths if path.suffix.lower() in SUFFIXES and not is_hidden(PurePosixPath(path.name))]


def _add_pairs(
    found: FoundImages, files: list[ImageFile], masks: list[ImageFile], places: list[PurePosixPath]
) -> list[str]:
    """Adds files that are images, each with its mask: one of ``masks``, or of the files by where they lie.

    Returns:
        Sentences about images that could have more than one mask, and so have none, and about masks of no image.
    """
    beside = masks_beside(places)
    images = [index for index in range(len(files)) if index not in beside]
    known = [(mask, mask.inside) for mask in masks] + [(files[index], places[index]) for index in sorted(beside)]
    paired = pair([places[index] for index in images], [place for _, place in known])
    found.images += [files[index] for index in images]
    found.masks += [None if mask is None else known[mask][0] for _, mask in paired.pairs]
    if not paired.unpaired:
        return paired.ambiguous
    first = known[paired.unpaired[0]][0].name
    return [*paired.ambiguous, f"masks that belong to no image are left out: {len(paired.unpaired):,}, first {first}"]
