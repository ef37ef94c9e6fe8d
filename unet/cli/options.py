"""How the dataclasses of the commands become command lines: the parser, and the types that several options share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

Flag = Annotated[bool, tyro.conf.arg(help_behavior_hint="")]
OptionalFile = Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="")]
WeightsFile = Annotated[
    Path | None,
    tyro.conf.arg(
        metavar="FILE",
        help="NAME.safetensors, with its card NAME.json beside it (default: the shipped weights).",
        help_behavior_hint="",
    ),
]
Count = Annotated[int, tyro.conf.arg(metavar="N")]


class UsageError(Exception):
    """The command cannot be run as it was given; the message is one sentence that says why."""


def parse(kind: Any, words: Sequence[str] | None, name: str = "") -> Any:
    """The words of a command line as options.

    Args:
        kind: a dataclass, or a union of them, one for each command.
        words: of the command line; None takes those of this process.
        name: of the command, where ``words`` begin after it.

    Returns:
        One of ``kind``.

    Raises:
        SystemExit: after ``--help`` (0), and after words that do not fit, which it says on stderr (2).
    """
    return tyro.cli(
        kind,
        prog=f"python -m unet {name}".strip(),
        description=None if name else "Find salt in seismic images; --version prints the version.",
        args=words,
        config=(
            tyro.conf.FlagCreatePairsOff,
            tyro.conf.DisallowNone,
            tyro.conf.OmitArgPrefixes,  # of a command that is one of several under one name
            tyro.conf.OmitSubcommandPrefixes,
        ),
    )
