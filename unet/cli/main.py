"""The command line, ``python -m unet``: parses the words and runs one command.

The exit status is 0 when all went well, 1 when something could not be done, 2 when the command cannot be run as it was
given; ``unet.__main__`` adds 130 after Ctrl-C and 143 after SIGTERM.  Results go to stdout; progress, problems and the
summary go to stderr.
"""

from collections.abc import Sequence
from typing import Annotated

from tyro.conf import subcommand

from unet.cli import average, bench, demo, dossier, evaluate, export, predict
from unet.cli.console import say
from unet.cli.options import UsageError, parse
from unet.cli.segy import main as segy
from unet.files.images import quiet_decoders
from unet.prediction import ClashError

Command = (
    Annotated[predict.Options, subcommand("predict")]
    | Annotated[evaluate.Options, subcommand("evaluate")]
    | Annotated[average.Options, subcommand("average")]
    | Annotated[export.Options, subcommand("export")]
    | Annotated[dossier.Options, subcommand("dossier")]
    | Annotated[bench.Options, subcommand("bench")]
    | Annotated[demo.Options, subcommand("demo")]
    | Annotated[segy.Options, subcommand("segy")]
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: the words after ``python -m unet``; by default those of this process.

    Returns:
        The exit status.

    Raises:
        SystemExit: after ``--help`` (0), and after words that are no command (2).
    """
    quiet_decoders()
    options: object = parse(Command, argv)
    name = segy.name(options) if isinstance(options, segy.Options) else type(options).__module__.rpartition(".")[2]
    try:
        match options:
            case predict.Options():
                return predict.run(options)
            case evaluate.Options():
                return evaluate.run(options)
            case average.Options():
                return average.run(options)
            case export.Options():
                return export.run(options)
            case dossier.Options():
                return dossier.run(options)
            case bench.Options():
                return bench.run(options)
            case segy.Options():
                return segy.run(options)
        raise UsageError("expected a process of its own; start it with python -m unet demo")
    except (UsageError, ClashError) as error:
        say(f"{name}: {error}")
        return 2
    except OSError as error:  # inputs are checked where they are read: this is a disk that is full, or gone
        say(f"{name}: expected to write {error.filename or 'output'}, got {error.strerror or error}")
        return 1
