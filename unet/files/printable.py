"""Names and reasons from outside as text that is safe to show."""

from pathlib import Path

LONGEST_REASON = 200  # characters: some libraries quote the file itself


def printable(text: Path | str) -> str:
    r"""A name with what a terminal would act on, or UTF-8 cannot hold, spelled out.

    Example:
        >>> print(printable("a\x1b[31m.png"))
        a\x1b[31m.png
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))


def reason(error: Exception) -> str:
    """What a library says went wrong, in one printable line."""
    text = str(getattr(error, "strerror", None) or error).strip()
    return printable(text.splitlines()[0])[:LONGEST_REASON] if text else type(error).__name__
