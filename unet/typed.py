"""JSON as typed values, checked once when it is read; one sentence says what does not fit."""

import re
import reprlib
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, le=10**12)]
Word = Annotated[str, Meta(max_length=200)]

_LONGEST = 60  # characters of a value that a sentence repeats
_WORDS = {
    "float": "a number", "int": "a whole number", "str": "text", "bool": "true or false", "null": "nothing",
    "object": "an object", "array": "a list", ">": "above", ">=": "from", "<": "below", "<=": "up to",
}  # fmt: skip


def parse(content: bytes) -> Any:
    """The value in a JSON file: dictionaries, lists, text, numbers, booleans and None.

    Raises:
        ValueError: it is not JSON, holds NaN or infinity, or is nested too deeply.

    Example:
        >>> parse(b'{"x": NaN}')
        Traceback (most recent call last):
        ValueError: expected JSON, got something else (invalid character, byte 6)
    """
    try:
        return msgspec.json.decode(content)
    except RecursionError:
        reason = "nested too deeply"
    except (msgspec.DecodeError, UnicodeError) as error:
        reason = str(error).partition(" - at ")[0].removeprefix("JSON is malformed: ").replace(" (byte", ", byte")
    raise ValueError(f"expected JSON, got something else ({reason.rstrip(')')})")


def convert(value: Any, kind: type[T]) -> T:
    """A parsed value as a type.

    Args:
        value: what ``parse`` returns.
        kind: a ``msgspec.Struct``, a dataclass or any other annotation; entries it does not name are ignored.

    Raises:
        ValueError: the value does not fit; the sentence names the entry, what was expected and what it holds.

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
    """Msgspec's message about a value, in the words of this project."""
    problem, _, place = message.rpartition(" - at `$")
    path = re.findall(r"\.(\w+)|\[(\d+|\.\.\.)\]", place)
    names = [name or index for name, index in path if index != "..."]
    where = ".".join(names) or "it"
    missing = re.fullmatch(r"Object missing required field `(\w+)`", problem or message)
    if missing:
        return f"expected {missing[1]} in {where}, got none"
    expected = re.fullmatch(r"Expected `(.*?)`(.*?)(?:, got (?:`(.*)`|\d+))?", problem or message)
    if expected:
        kinds = " or ".join(_WORDS.get(kind, kind) for kind in expected[1].split(" | "))
        bound = re.sub(r"[<>]=?", lambda sign: _WORDS[sign[0]], expected[2].removesuffix(".0"))
        if len(names) < len(path):  # msgspec does not say which value of a dictionary does not fit
            return f"expected every value in {where} to be {kinds}{bound}, got {_WORDS.get(expected[3], 'another')}"
    elif (problem or message).startswith(("Invalid enum value", "Invalid value")):
        kinds, bound = "a known word", ""
    elif problem == "Number out of range":
        kinds, bound = "a number that a computer can hold", ""
    else:  # raised by a type's own check, and a sentence already
        return problem or message
    for name, index in path:
        value = value[name or int(index)]
    return f"expected {where} to be {kinds}{bound}, got {reprlib.repr(value)[:_LONGEST]}"
