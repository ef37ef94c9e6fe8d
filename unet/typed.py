"""JSON as typed values, checked once when it is read, with one sentence for what does not fit."""

import re
import reprlib
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_LONGEST = 60  # characters of a value that a sentence repeats
_WORDS = {
    "`float`": "a number", "`int`": "a whole number", "`str`": "text", "`bool`": "true or false",
    "`object`": "an object", "`array`": "a list", "`null`": "nothing",
}  # fmt: skip


def parse(content: bytes) -> Any:
    """The value in a JSON file; raises ``ValueError`` where it is none."""
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError(f"expected JSON, got something else ({str(error) or 'nested too deeply'})") from None


def convert(value: Any, kind: type[T]) -> T:
    """A parsed value as a type.

    Args:
        value: of dictionaries, lists and plain values, as ``parse`` gives it.
        kind: a ``msgspec.Struct``, a dataclass or any type with annotations; fields it does not know are ignored.

    Raises:
        ValueError: it does not fit; the sentence says where, what was expected and what came.

    Example:
        >>> class Point(msgspec.Struct, frozen=True):
        ...     x: float
        >>> convert({"x": 1}, Point)
        Point(x=1.0)
        >>> convert({"x": "far"}, Point)
        Traceback (most recent call last):
        ValueError: expected x to be a number, got 'far'
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ValueError(_sentence(str(error), value)) from None


def _sentence(message: str, value: Any) -> str:
    """What msgspec says of a value, in the words of this project."""
    what, _, place = message.partition(" - at ")
    path = re.findall(r"\.(\w+)|\[(\d+|\.\.\.)\]", place)
    for name, index in path:
        try:
            value = value[int(index) if index else name]
        except (KeyError, IndexError, TypeError, ValueError):  # of a dictionary's values msgspec names none
            value = None
            break
    where = ".".join(name or index for name, index in path) or "it"
    missing = re.fullmatch(r"Object missing required field `(\w+)`", what)
    if missing:
        return f"expected {missing[1]} in {where}, got none"
    wanted = re.fullmatch(r"Expected (.*?)(?:, got .*)?", what)
    if wanted is None:  # a check of our own, which is a sentence already
        return what
    words = re.sub("`[a-z]+`", lambda word: _WORDS.get(word[0], word[0]), wanted[1]).replace(" | ", " or ")
    return f"expected {where} to be {words}, got {reprlib.repr(value)[:_LONGEST]}"
