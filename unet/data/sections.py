"""A split by seismic section that does not leak, and the table that tells which section a tile is of."""

import csv
import io
import random
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unet.card import Split
from unet.data import pairing
from unet.data.places import DataError, content_of, sections_file, shown
from unet.files.printable import printable


@dataclass(frozen=True)
class Sections:
    """The seismic sections of some tiles, out of a table whose names may be written otherwise.

    Attributes:
        of: tile -> section, of the tiles whose section is known.
        others: name in the table -> section, of the lines that stand for none of the tiles.
        lines: how many names the table has.
        blank: how many of them have no section.
        ambiguous: how many may stand for several tiles, or for one that other lines put in another section; the
            section of those tiles is not known.
    """

    of: dict[str, str]
    others: dict[str, str]
    lines: int
    blank: int
    ambiguous: int

    def summary(self, tiles: int) -> dict[str, Any]:
        """What there is to say of them: numbers, and ``notes`` in plain sentences."""
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
        return {"lines": self.lines, "lines_used": used, "tiles": tiles, "tiles_in_one": len(self.of), "notes": notes}


def sections_said(file: Path, summary: dict[str, Any]) -> list[str]:
    """A ``Sections.summary`` as lines to print; the first says how much of the table is used, the others warn."""
    return [
        f"{shown(file)}: {summary['lines_used']:,} of its {summary['lines']:,} lines name tiles, and "
        f"{summary['tiles_in_one']:,} of {summary['tiles']:,} tiles lie in a known section",
        *(f"warning: {shown(file)}: {note}" for note in summary["notes"]),
    ]


def match_sections(ids: Collection[str], table: dict[str, str]) -> Sections:
    """What a table, as ``read_sections`` gives it, says of tiles; names are compared as by ``pairing.join``."""
    joined = pairing.join((name for name, section in table.items() if section), ids, table=True)
    found: dict[str, set[str]] = {}
    for name, tile in joined.known.items():
        found.setdefault(tile, set()).add(table[name])
    clear = {tile for tile, sections in found.items() if len(sections) == 1}
    unclear = sum(tile not in clear for tile in joined.known.values())
    return Sections(
        {tile: table[name] for name, tile in joined.known.items() if tile in clear},
        {
            name: section
            for name, section in table.items()
            if section and name not in {*joined.known, *joined.ambiguous}
        },
        len(table),
        sum(not section for section in table.values()),
        len(joined.ambiguous) + unclear,
    )


def split_tiles(ids: list[str], sections: dict[str, str] | None, val_share: float = 0.12, seed: int = 0) -> Split:
    """Parts tiles so that no seismic section stands on both sides.

    Args:
        ids: the tiles.
        sections: name -> section, as ``read_sections`` gives; a tile that none of the names stands for is a section
            of its own.  None splits tile by tile and warns: neighbours on both sides make every score look better
            than it is.
        val_share: the share of tiles to hold back for validation, 0 to 1.
        seed: another seed, another split.

    Returns:
        Both sides sorted; the validation side has at least ``val_share`` of the tiles, and a section more at most.
        ``sections`` says how many of the names stand for a tile.
    """
    if sections is None:
        warnings.warn(
            "no sections.csv: split by tile; neighbouring tiles may stand on both sides, and scores may be too good",
            stacklevel=2,
        )
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
    held = set(val)
    train = [name for name in sorted(ids) if name not in held]
    if sections is None:
        return Split(by="tile", train=tuple(train), val=tuple(sorted(val)))
    judging = {matched.of[name] for name in val if name in matched.of}
    left_out = sorted(name for name, section in matched.others.items() if section in judging)
    return Split(
        by="section",
        train=tuple(train),
        val=tuple(sorted(val)),
        left_out=tuple(left_out),
        sections=matched.summary(len(ids)),
    )


def read_sections(root: Path) -> dict[str, str] | None:
    """Name of a tile -> its section, from the ``sections_file`` of ``root``; None where there is none.

    The columns ``id`` and ``section`` stand anywhere in the first line, in capitals or not; commas, semicolons or tabs
    separate them.  Blanks around names are dropped.  A line may leave its section empty: then it is not known.

    Raises:
        DataError: the file cannot be read, is no CSV in UTF-8, has other columns or a line cut short, or puts a tile
            in two sections.
    """
    path = sections_file(root)
    if path is None:
        return None
    try:
        text = content_of(path).decode("utf-8-sig")  # spreadsheets put a mark in front
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
                raise DataError(f"{printable(path)}: a line is cut short; expected an id and a section in each")
            name, section = row[of_id].strip(), pairing.canonical(row[of_section].strip())
            if not name:
                raise DataError(f"{printable(path)}: line {rows.line_num:,} has no id; expected one in each")
            if section and sections.get(name, section) not in (section, ""):
                raise DataError(
                    f"{printable(path)}: {printable(name)} is in section {printable(sections[name])} and in section "
                    f"{printable(section)}; expected one, keep the right line"
                )
            sections[name] = section or sections.get(name, "")
    except OSError as error:
        raise DataError(f"{printable(path)}: cannot be read ({error.strerror})") from None
    except (UnicodeError, csv.Error) as error:
        raise DataError(f"{printable(path)}: not a CSV file in UTF-8 ({error})") from None
    return sections


def _separator(text: str) -> str:
    """What stands between the columns: of commas, semicolons and tabs the one the first line has most of."""
    first = text.split("\n", 1)[0]
    return max(",;\t", key=first.count)
