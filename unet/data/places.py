"""Where a dataset lies: its ZIP or folder, and the table of sections beside it.  Of two candidates neither is taken."""

from pathlib import Path

from unet.files.printable import printable

DEFAULT = Path("data/tgs-salt")
LARGEST_SECTIONS = 100_000_000  # bytes of sections.csv: five million tiles


class DataError(ValueError):
    """Data that is missing or not as expected; the message says what to do."""


def labelled_place(root: Path) -> Path:
    """The place of labelled tiles: ``train.zip`` or ``train/`` in ``root``, and otherwise ``root`` itself.

    Raises:
        DataError: nothing is there, or both are, or one of them beside ``images/`` and ``masks/``.
    """
    place = _place(root, "train")
    if place != root and {"images", "masks"} <= _folders(root):
        raise DataError(
            f"{printable(root)}: expected one place with tiles, got {printable(place.name)} and images/ with masks/, "
            f"which may differ; name the first, as in --data {printable(place)}, or move it away to read the others"
        )
    return place


def _place(root: Path, name: str) -> Path:
    """``name``.zip or ``name``/ in ``root`` if one is there, and otherwise ``root`` itself."""
    try:
        found = [place for place in (root / f"{name}.zip", root / name) if place.exists()]
        if len(found) > 1:
            zipped, folder = (printable(place) for place in found)
            option = "--data" if name == "train" else "--unlabelled"
            raise DataError(
                f"{printable(root)}: expected one of {name}.zip and {name}/, got both, which may differ; "
                f"name the one to read, as in {option} {folder} or {option} {zipped}"
            )
        if found or root.exists():
            return (found or [root])[0]
    except OSError as error:  # a name that is too long, a folder that is closed
        raise DataError(f"{printable(root)}: cannot be opened ({error.strerror})") from None
    raise DataError(f"{printable(root)}: no such file or folder; see the README for how to get the data")


def _folders(root: Path) -> set[str]:
    """The names of the folders in a folder, in lower case."""
    return {path.name.casefold() for path in root.iterdir() if path.is_dir()} if root.is_dir() else set()


def unlabelled_place(root: Path) -> Path:
    """The place of tiles without labels: ``test.zip`` or ``test/`` in ``root``, and otherwise ``root`` itself.

    Raises:
        DataError: nothing is there, or both are.
    """
    return _place(root, "test")


def unlabelled_root(unlabelled: Path | None, data: Path) -> Path:
    """Where to look for tiles without labels: ``unlabelled`` if given, or ``data``, or beside it if that holds tiles.

    Raises:
        DataError: as ``labelled_place`` and ``unlabelled_place``.
    """
    if unlabelled is not None:
        return unlabelled
    beside = data.absolute().parent
    if labelled_place(data) == data == unlabelled_place(data) and unlabelled_place(beside) != beside:
        return beside
    return data


def sections_file(root: Path) -> Path | None:
    """The ``sections.csv`` in ``root``, or else beside the ZIP or folder that its labelled tiles are read from.

    Raises:
        DataError: two of them that are not the same, or they cannot be looked for.
    """
    beside = labelled_place(root).absolute().parent  # not resolved: a link keeps its own neighbours
    try:
        places = [root / "sections.csv"]
        if not (beside.exists() and root.exists() and beside.samefile(root)):
            places.append(beside / "sections.csv")
        found = [place for place in places if place.is_file()]
        if len(found) > 1 and read_table(found[0]) != read_table(found[1]):
            raise DataError(
                f"{printable(found[0])}: expected the same as in {printable(found[1])} beside the tiles, got another "
                "table; keep one"
            )
    except OSError as error:
        raise DataError(f"{printable(root)}: cannot be opened ({error.strerror})") from None
    return found[0] if found else None


def read_table(path: Path) -> bytes:
    """The bytes of a table; raises ``DataError`` where it is larger than any table of tiles."""
    if path.stat().st_size > LARGEST_SECTIONS:
        raise DataError(f"{printable(path)}: expected at most {LARGEST_SECTIONS:,} bytes, got more")
    return path.read_bytes()


def shown(path: Path) -> str:
    """A path for messages: relative to the current folder where it lies below that, and printable."""
    whole, here = path.absolute(), Path.cwd()
    return printable(whole.relative_to(here).as_posix() if whole.is_relative_to(here) else whole)
