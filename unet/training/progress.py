"""What a run shows: sentences, and how far it is, as a bar, lines of a log and a file; from the first process alone."""

import json
import time
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import asdict
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from unet.files.printable import printable

PROGRESS = "progress.json"  # in the folder of a run
FILE_EVERY, LINE_EVERY = 2.0, 30.0  # seconds


class Position(Struct, frozen=True, kw_only=True):
    """Where a run is: complete epochs with the fraction of the next, of how many, and what was measured last."""

    epoch: float
    epochs: int
    loss: float
    learning_rate: float
    tiles_per_second: float
    seconds_left: float


class Reporter:
    """Tells the user how a run goes on.

    Args:
        console: where it is shown.
        quiet: this process shows nothing.
        folder: of the run, in which ``progress.json`` is kept for whoever watches.

    Attributes:
        console: as given; quiet where this process shows nothing.
        bar: the progress bar, to be entered as a context while the run learns.
    """

    def __init__(self, console: Console, quiet: bool, folder: Path) -> None:
        self.console = Console(quiet=True) if quiet else console
        columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        self._bare = not console.is_terminal
        self.bar = Progress(*columns, TimeRemainingColumn(), console=self.console, disable=quiet or self._bare)
        self._task = self.bar.add_task("")
        self._file = None if quiet else folder / PROGRESS
        self._written = self._said = time.monotonic()

    def say(self, text: str) -> None:
        """Shows one line, of text from anywhere."""
        self.console.print(printable(text), markup=False, highlight=False, soft_wrap=True)

    def show(self, at: Position) -> None:
        """Shows where the run is: the bar at once, the file and, without a terminal, a line every now and then."""
        status = f"loss {at.loss:.4f}  {at.tiles_per_second:.1f} tiles/s"
        self.bar.update(self._task, total=at.epochs, completed=at.epoch, description=status)
        now = time.monotonic()
        if self._file is not None and (now - self._written >= FILE_EVERY or at.epoch == at.epochs):
            self._written = now
            with suppress(OSError):  # the run itself will say what is wrong with its folder
                self._file.write_text(json.dumps(asdict(at) | {"time": time.time()}))
        if self._bare and now - self._said >= LINE_EVERY:
            self._said = now
            self.say(f"epoch {at.epoch:.2f}/{at.epochs}  {status}  {at.seconds_left / 60:.0f} min left")
