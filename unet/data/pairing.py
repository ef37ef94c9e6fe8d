"""Which names mean the same: those of an image and its mask, of a tile and its line in a table.

Nothing here opens a file.  The same name may be written in several ways: with or without a suffix, in capitals, in
another Unicode form (macOS decomposes ``é``), with blanks around it, with a folder before it.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

_MASK = "_mask"  # the Carvana challenge's way: the mask of x.jpg is x_mask.gif
_FOLDERS = ("images", "masks")
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{2,3}$")  # of an image file; not the 0001 in line.0001


# Indices into a list of paths, by the folder that images and their masks share and by the stem.
_Indices = dict[tuple[PurePosixPath, str], list[int]]


def canonical(name: str) -> str:
    """A name in the Unicode form (NFC) in which names are compared and stored."""
    return unicodedata.normalize("NFC", name)


def home(path: PurePosixPath) -> PurePosixPath:
    """The folder an image and its mask share: all of the path but its last ``images`` or ``masks``, in any case.

    Example:
        >>> home(PurePosixPath("lineA/Masks/1.png"))
        PurePosixPath('lineA')
    """
    parts = [canonical(part) for part in path.parent.parts]
    for place in reversed(range(len(parts))):
        if parts[place].casefold() in _FOLDERS:
            del parts[place]
            break
    return PurePosixPath(*parts)


@dataclass(frozen=True)
class Pairs:
    """What ``pair`` found; the numbers are indices into the lists it was given.

    Attributes:
        pairs: every image in order with its mask; None where it has none, or where two fit.
        unpaired: the masks that belong to no image.
        ambiguous: a sentence for each image that two masks fit, or mask that two images fit.
        twice: a sentence for each name that two images of one folder have.  Names in ``ambiguous`` and ``twice`` are
            as they were given, so whoever prints a sentence must make it printable.
    """

    pairs: list[tuple[int, int | None]]
    unpaired: list[int] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)


def pair(images: Sequence[PurePosixPath], masks: Sequence[PurePosixPath]) -> Pairs:
    """Finds the mask of each image by folder and name; where two fit, neither is taken.

    ``A/images/1.png`` pairs with ``A/masks/1.png`` or ``A/1.tif`` and never with ``B/masks/1.png``; suffixes do not
    matter.  ``x_mask.png`` is the mask of ``x.png`` unless there is an image ``x_mask`` too.  The mask of a name that
    occurs once may also lie in a folder around that of the image: ``photos/1.png`` pairs with ``masks/1.png``.

    Args:
        images: paths below the folder or in the ZIP that was read.
        masks: likewise.

    Returns:
        The pairs.  An image with two masks (``x.png`` and ``x.tif``, or ``x`` and ``x_mask``) gets none and a sentence,
        and so does each of two images of one name in one folder.
    """
    named: _Indices = {}
    for index, path in enumerate(images):
        named.setdefault((home(path), canonical(path.stem)), []).append(index)
    found: _Indices = {}
    unpaired: list[int] = []
    for index, path in enumerate(masks):
        key = (home(path), canonical(path.stem))
        if key not in named:
            key = (key[0], _without_mask(key[1]) or key[1])
        if key in named:
            found.setdefault(key, []).append(index)
        else:
            unpaired.append(index)
    unpaired = _pair_from_around(masks, unpaired, named, found)
    ambiguous, twice = [], []
    mask_of: dict[int, int] = {}
    for key, of_name in named.items():
        candidates = found.get(key, [])
        if len(of_name) > 1:
            first, second, *_ = (images[index] for index in of_name)
            twice.append(f"{second}: expected one file of each name, got {first} too")
            if candidates:
                ambiguous.append(f"{masks[candidates[0]]}: expected one image of its name, got {first} and {second}")
        if len(candidates) > 1:
            first, second, *_ = (masks[index] for index in candidates)
            ambiguous.append(f"{images[of_name[0]]}: expected one mask, got {first} and {second}; keep one")
        if len(of_name) == len(candidates) == 1:
            mask_of[of_name[0]] = candidates[0]
    return Pairs([(index, mask_of.get(index)) for index in range(len(images))], unpaired, ambiguous, twice)


def _pair_from_around(
    masks: Sequence[PurePosixPath], unpaired: list[int], named: _Indices, found: _Indices
) -> list[int]:
    """Pairs masks with images in folders below theirs where a name occurs once; returns the masks that are left."""
    homes: dict[str, list[PurePosixPath]] = {}
    for folder, stem in named:
        homes.setdefault(stem, []).append(folder)
    alike = Counter(stem for path in masks for stem in _stems(path))
    left = []
    for index in unpaired:
        fitting = [(folder, stem) for stem in _stems(masks[index]) for folder in homes.get(stem, [])]
        once = len(fitting) == 1 and all(alike[stem] == 1 for stem in _stems(masks[index]))
        if once and home(masks[index]) in fitting[0][0].parents:
            found[fitting[0]] = [index]
        else:
            left.append(index)
    return left


def _stems(mask: PurePosixPath) -> set[str]:
    """The stems that the image of a mask may have."""
    stem = canonical(mask.stem)
    return {stem, _without_mask(stem) or stem}


def masks_beside(paths: Sequence[PurePosixPath]) -> set[int]:
    """The indices of paths that are masks of others in the same folder: ``x_mask.gif`` beside ``x.jpg``."""
    known = {(canonical(str(path.parent)), canonical(path.stem)) for path in paths}
    return {
        index
        for index, path in enumerate(paths)
        if (stem := _without_mask(canonical(path.stem))) and (canonical(str(path.parent)), stem) in known
    }


def _without_mask(stem: str) -> str:
    """The stem of the image of ``x_mask``; empty where a stem does not end so."""
    return stem[: -len(_MASK)] if stem.casefold().endswith(_MASK) else ""


def names_of(paths: Sequence[PurePosixPath]) -> list[str]:
    """The id of each tile: its stem, with the folder before it where two folders hold the same stem.

    Example:
        >>> names_of([PurePosixPath(name) for name in ("a/images/1.png", "b/images/1.png", "b/images/2.png")])
        ['a/1', 'b/1', '2']
    """
    homes: dict[str, set[PurePosixPath]] = {}
    for path in paths:
        homes.setdefault(canonical(path.stem), set()).add(home(path))
    return [str(home(path) / stem) if len(homes[stem := canonical(path.stem)]) > 1 else stem for path in paths]


@dataclass(frozen=True)
class Joined:
    """What ``join`` found.

    Attributes:
        known: name -> the known name that it stands for.
        ambiguous: name -> the known names that it may stand for, where those are several.
    """

    known: dict[str, str]
    ambiguous: dict[str, list[str]]

    def possible(self) -> set[str]:
        """Every known name that some name stands for, or may stand for."""
        return {*self.known.values(), *(name for names in self.ambiguous.values() for name in names)}


def join(names: Iterable[str], known: Collection[str], table: bool = False) -> Joined:
    """Finds the known name that each name stands for: the same one, or else the only one written alike.

    Args:
        names: as they were written.
        known: the names to find.
        table: ``names`` come from a table, where a spreadsheet may have dropped the leading zeros of a number, and a
            name may have a folder before it that is not known, or lack one that is.

    Returns:
        An exact match comes first; after that differences in blanks, Unicode forms, suffixes of images and capitals
        are ignored, in this order.  A known name that one name matches more strictly is not taken by another, and a
        name that matches several is ambiguous.

    Example:
        >>> join(["00a.png", " 00B ", "c"], ["00a", "00b", "00d"]).known
        {'00a.png': '00a', ' 00B ': '00b'}
    """
    left = dict.fromkeys(names)
    result: dict[str, str] = {}
    ambiguous: dict[str, list[str]] = {}
    for of_name, of_known in _TABLE_FORMS if table else _FORMS:
        written: dict[str, list[str]] = {}
        for name in known:
            for key in of_known(name):
                written.setdefault(key, []).append(name)
        taken = set(result.values())  # by a stricter form
        for name in list(left):
            fitting = next((written[key] for key in of_name(name) if key in written), [])
            if fitting:
                del left[name]
            if len(fitting) > 1:
                ambiguous[name] = sorted(fitting)
            elif fitting and fitting[0] not in taken:
                result[name] = fitting[0]
    return Joined(result, ambiguous)


def _exact(name: str) -> list[str]:
    return [name]


def _tidy(name: str) -> list[str]:
    return [canonical(name).replace("\ufeff", "").strip()]


def _plain(name: str) -> list[str]:
    """Without suffix, and without the folders ``images`` and ``masks``."""
    parts = [part.strip() for part in re.split(r"[/\\]", _SUFFIX.sub("", _tidy(name)[0]))]
    return ["/".join(part for part in parts if part.casefold() not in _FOLDERS)]


def _folded(name: str) -> list[str]:
    return [canonical(_plain(name)[0].casefold())]


def _number(name: str) -> list[str]:
    """The digits of a whole number from the first that is not 0; nothing for any other name."""
    folded = _folded(name)[0]
    return [folded.lstrip("0") or "0"] if folded.isdecimal() else []


def _ends(name: str) -> list[str]:
    """The name from each of its folders on, marked by ``<``, and the whole of it unmarked."""
    parts = _folded(name)[0].split("/")
    return ["/".join(parts), *("<" + "/".join(parts[start:]) for start in range(len(parts)))]


def _within(name: str) -> list[str]:
    """What ``_ends`` holds for a known name that ends with this one, or that this one ends with."""
    parts = _folded(name)[0].split("/")
    return ["<" + "/".join(parts), *("/".join(parts[start:]) for start in range(1, len(parts)))]


# How a name and a known name are normalised before they are compared, from the strictest form to the loosest.
_Form = Callable[[str], list[str]]
_FORMS: list[tuple[_Form, _Form]] = [(form, form) for form in (_exact, _tidy, _plain, _folded)]
_TABLE_FORMS = [*_FORMS, (_number, _number), (_within, _ends)]
