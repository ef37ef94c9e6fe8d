"""What a run shows: sentences, and a bar where there is a terminal; both from the first process alone."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from unet.files.printable import printable


class Reporter:
    """Tells the user how a run goes on.

    Args:
        console: where it is shown.
        quiet: this process shows nothing.

    Attributes:
        console: as given; quiet where this process shows nothing.
        progress: the bar of ``track``, to be entered as a context while the run learns.
    """

    def __init__(self, console: Console, quiet: bool) -> None:
        self.console = Console(quiet=True) if quiet else console
        columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        hidden = quiet or not console.is_terminal
        self.progress = Progress(*columns, TimeRemainingColumn(), console=self.console, disable=hidden)

    def say(self, text: str) -> None:
        """Shows one line, of text from anywhere."""
        self.console.print(printable(text), markup=False, highlight=False, soft_wrap=True)
