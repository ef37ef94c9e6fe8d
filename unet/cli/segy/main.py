"""``python -m unet segy``: the commands for seismic lines and cubes."""

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import subcommand

from unet.cli.segy import horizon, info, predict, sweep

Command = (
    Annotated[info.Options, subcommand("info")]
    | Annotated[sweep.Options, subcommand("sweep")]
    | Annotated[predict.Options, subcommand("predict")]
    | Annotated[horizon.Options, subcommand("horizon")]
)


@dataclass(frozen=True)
class Options:
    """Find salt in seismic lines and cubes: SEG-Y, NumPy and Zarr."""

    command: Command


def name(options: Options) -> str:
    """The command in words, for a sentence about it."""
    return f"segy {type(options.command).__module__.rpartition('.')[2]}"


def run(options: Options) -> int:
    """Runs one of the commands and returns its exit status; raises what the command does."""
    match options.command:
        case info.Options():
            return info.run(options.command)
        case sweep.Options():
            return sweep.run(options.command)
        case predict.Options():
            return predict.run(options.command)
        case horizon.Options():
            return horizon.run(options.command)
