"""Which seismic section a tile is of, and a split by section that does not leak."""

import csv
import io
import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from unet.card import SectionTable, Split
from unet.data import pairing
from unet.data.places import DataError, read_table, sections_file, shown
from unet.files.printable import printable


@dataclass(frozen=True)
class Sections:
    """The seismic sections of some tiles, by a table whose names may be written otherwise.

    Attributes:
        of: tile -> section, of the tiles whose section is known.
        others: name in the table -> section, of the lines that name none of the tiles.
        lines: number of names in the table.
        blank: how many of them have no section.
        ambiguous: how many may stand for several tiles, or for one that other lines put in another section; the
            section of those tiles is not known.
    """

    of: dict[str, str]
    others: dict[str, str]
    lines: int
    blank: int
    ambiguous: int

    def summary(self, tiles: int, file: str = "") -> SectionTable:
        """How much the table tells, for a card.

        Args:
            tiles: how many tiles there are.
            file: path of the table.
        """
        notes = []
        if self.blank:
            notes.append(f"{self.blank:,} lines have no section")
        if self.ambiguous:
            notes.append(f"{self.ambiguous:,} lines fit several tiles, or others contradict them: they are not used")
        if not self.of:
            notes.append("none of the lines names a tile")
        elif 2 * len(self.of) < tiles:
            notes.append(
                "fewer than half of the tiles lie in a known section; neighbours among the others may stand on both "
                "sides of a split, and scores may be too good"
            )
        used = self.lines - len(self.others) - self.blank - self.ambiguous
        return SectionTable(
            file=file, lines=self.lines, lines_used=used, tiles=tiles, tiles_in_one=len(self.of), notes=tuple(notes)
        )


def describe(table: SectionTable) -> list[str]:
    """A table in sentences to print: first how much of it is used, then its notes as warnings."""
    return [
        f"{table.file}: {table.lines_used:,} of its {table.lines:,} lines name tiles, and {table.tiles_in_one:,} of "
        f"{table.tiles:,} tiles lie in a known section",
        *(f"warning: {table.file}: {note}" for note in table.notes),
    ]


def match_sections(ids: Collection[str], table: dict[str, str]) -> Sections:
    """Finds the tiles that a table names; see ``pairing.join`` for how names are compared.

    Args:
        ids: the tiles.
        table: name -> section, as ``read_sections`` returns it.
    """
    joined = pairing.join((name for name, section in table.items() if section), ids, table=True)
    found: dict[str, set[str]] = {}
    for name, tile in joined.known.items():
        found.setdefault(tile, set()).add(table[name])
    clear = {tile for tile, sections in found.items() if len(sections) == 1}
    used = {*joined.known, *joined.ambiguous}
    return Sections(
        of={tile: table[name] for name, tile in joined.known.items() if tile in clear},
        others={name: section for name, section in table.items() if section and name not in used},
        lines=len(table),
        blank=sum(not section for section in table.values()),
        ambiguous=len(joined.ambiguous) + sum(tile not in clear for tile in joined.known.values()),
    )


@dataclass(frozen=True)
class Known:
    """What is known of the sections of tiles.

    Attributes:
        table: name -> section for ``split_tiles``: the lines of ``sections.csv``, and in place of those that name
            images the tiles that were cut from them; None where nothing is known.
        summary: of ``sections.csv``; None without one.
    """

    table: dict[str, str] | None
    summary: SectionTable | None

    def of(self, ids: Collection[str]) -> dict[str, str]:
        """Tile -> section, of the tiles whose section is known."""
        return match_sections(ids, self.table or {}).of


def find_sections(root: Path, ids: Collection[str], cut_from: Mapping[str, str]) -> Known:
    """Finds out which tiles are of one section.

    Tiles that were cut from one image are, and so are those of images that ``sections.csv`` puts in one section, as
    neighbouring lines of a survey may be.

    Args:
        root: where ``read_sections`` looks.
        ids: the tiles.
        cut_from: tile -> the image it was cut from; empty where the files are the tiles.

    Raises:
        DataError: as ``read_sections``.
    """
    lines, file = read_sections(root), sections_file(root)
    images = sorted(set(cut_from.values())) or list(ids)
    matched = match_sections(images, lines or {})
    summary = None if lines is None or file is None else matched.summary(len(images), shown(file))
    if cut_from:
        lines = matched.others | {tile: matched.of.get(image, image) for tile, image in cut_from.items()}
    return Known(lines, summary)


def split_tiles(ids: list[str], sections: dict[str, str] | None, val_share: float = 0.12, seed: int = 0) -> Split:
    """Splits tiles so that no seismic section stands on both sides.

    Args:
        ids: the tiles.
        sections: name -> section, as ``read_sections`` returns it; a tile that none of the names stands for is a
            section of its own.  None splits tile by tile: neighbours on both sides make every score look better than
            it is.
        val_share: the share of tiles to hold back for validation, 0 to 1.
        seed: another seed, another split.

    Returns:
        Both sides sorted; the validation side has at least ``val_share`` of the tiles, and a section more at most.
    """
    matched = match_sections(ids, sections or {})
    groups: dict[str, list[str]] = {}
    for name in sorted(ids):
        groups.setdefault("section " + matched.of[name] if name in matched.of else name, []).append(name)
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    val: list[str] = []
    for group in order:
        if len(val) >= val_share * len(ids):
            break
        val += groups[group]
    validating = {matched.of[name] for name in val if name in matched.of}
    return Split(
        by="tile" if sections is None else "section",
        train=tuple(sorted(set(ids) - set(val))),
        val=tuple(sorted(val)),
        left_out=tuple(sorted(name for name, section in matched.others.items() if section in validating)),
        sections=None if sections is None else matched.summary(len(ids)),
    )


def read_sections(root: Path) -> dict[str, str] | None:
    """Reads the ``sections_file`` of ``root``: name of a tile -> its section, None where there is no such file.

    The first line names the columns, among them ``id`` and ``section``, in any case; commas, semicolons or tabs
    separate them.  Blanks around names are dropped.  A line may leave its section empty: then it is not known.

    Raises:
        DataError: the file cannot be read, is no CSV in UTF-8, has other columns or a line cut short, or puts a tile
            in two sections.
    """
    path = sections_file(root)
    if path is None:
        return None
    try:
        text = read_table(path).decode("utf-8-sig")  # spreadsheets write a byte order mark
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
        names = [name.strip().casefold() for name in next(rows, [])]
        if not {"id", "section"} <= set(names):
            raise DataError(
                f"{printable(path)}: expected the columns id and section, got {printable(', '.join(names)[:100])}"
            )
        of_id, of_section = names.index("id"), names.index("section")
        sections: dict[str, str] = {}
        for row in rows:
            if not any(cell.strip() for cell in row):  # spreadsheets leave such lines behind
                continue
            if len(row) <= max(of_id, of_section):
                raise DataError(f"{printable(path)}: expected an id and a section in each line, got one cut short")
            name, section = row[of_id].strip(), pairing.canonical(row[of_section].strip())
            if not name:
                raise DataError(f"{printable(path)}: expected an id in each line, got none in line {rows.line_num:,}")
            if section and sections.get(name, section) not in (section, ""):
                raise DataError(
                    f"{printable(path)}: expected one section for {printable(name)}, got "
                    f"{printable(sections[name])} and {printable(section)}; keep the right line"
                )
            sections[name] = section or sections.get(name, "")
    except OSError as error:
        raise DataError(f"{printable(path)}: cannot be read ({error.strerror})") from None
    except (UnicodeError, csv.Error) as error:
        raise DataError(f"{printable(path)}: expected a CSV file in UTF-8, got something else ({error})") from None
    return sections


def _separator(text: str) -> str:
    """The separator of columns: of commas, semicolons and tabs the one that the first line has most of."""
    first = text.split("\n", 1)[0]
    return max(",;\t", key=first.count)
