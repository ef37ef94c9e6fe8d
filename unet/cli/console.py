"""What the commands print: sentences and a progress bar on stderr, tables on stdout."""

import sys
from collections.abc import Iterable, Sequence
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from unet.files.printable import printable

NumberColumn = partial(Column, justify="right")


def say(sentence: str) -> None:
    """Prints one line on stderr, whatever names are in it."""
    print(printable(sentence), file=sys.stderr)


def progress_bar() -> Progress:
    """A progress bar on stderr; silent where stderr is no terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def print_table(title: str, columns: Sequence[str | Column], rows: Iterable[Sequence[str]], caption: str = "") -> None:
    """Prints a table on stdout.

    Args:
        title: above the table.
        columns: their headers; numbers belong in a ``NumberColumn``.
        rows: the cells, as plain text.
        caption: below the table.
    """
    table = Table(*columns, title=title, caption=caption)
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
