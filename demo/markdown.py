"""Words from outside as Markdown that shows exactly these words."""

import re


def markdown(name: str, sentence: str) -> str:
    r"""A sentence about a user's file as Markdown that shows exactly that, whatever the name is made of.

    Args:
        name: the file's name.
        sentence: starts with the name, as an ``ImageError`` does.

    Example:
        >>> markdown("a*b*.png", "a*b*.png: not a [image]")
        '`a*b*.png`: not a \\[image\\]'
    """
    return literal(name) + escaped(sentence.removeprefix(name))


def escaped(text: str) -> str:
    """Plain text as Markdown that shows exactly that."""
    return re.sub(r"[\\`*\[\]<>$~]|\b_|_\b", r"\\\g<0>", text)


def literal(text: str) -> str:
    """A user's words as a Markdown code span, where nothing is a link, an image or a formula.

    Example:
        >>> literal("a_b.png"), literal("`x`")
        ('`a_b.png`', '`` `x` ``')
    """
    text = "".join(character if character.isprintable() else " " for character in text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{text}{fence}" if fence == "`" and text.strip() else f"{fence} {text} {fence}"
