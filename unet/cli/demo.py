"""``python -m unet demo``: starts the app, from a checkout or from an installed package."""

import argparse
import os
import runpy
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from unet.cli.process import Ending


def main(argv: Sequence[str], ending: Ending) -> int:
    """Runs the app until Ctrl-C, and ends the process with it.

    PyTorch is not to be loaded yet: the app does so in a way of its own.

    Args:
        argv: the words after ``demo``.
        ending: of this process.

    Returns:
        The exit status of what could not start.
    """
    parser = argparse.ArgumentParser(
        prog="python -m unet demo", description="Start the app, to be opened in a browser."
    )
    add_options(parser)
    arguments = parser.parse_args(argv)
    front = "gradio" if arguments.gradio else "streamlit"
    if arguments.gradio and arguments.options:
        parser.error(f"expected no options for Streamlit with --gradio, got {' '.join(arguments.options)}")
    if not all(find_spec(library) for library in (front, "plotly")):
        print(f"demo: expected {front} and plotly, got none; pip install 'salt-unet[demo]'", file=sys.stderr)
        return 1
    if arguments.gradio:
        if arguments.port is not None:
            os.environ["GRADIO_SERVER_PORT"] = str(arguments.port)
        _leave(ending.run("demo: stopped", lambda: _run(app() / "gradio_app.py")))
    port = [] if arguments.port is None else ["--server.port", str(arguments.port)]
    sys.argv = ["streamlit", "run", str(app() / "app.py"), *port, *arguments.options]
    # Until it serves, a signal ends the process on the spot; then Streamlit answers signals itself.
    try:
        runpy.run_module("streamlit", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        _leave(end.code if isinstance(end.code, int) else 1 if end.code else 0)
    return 0


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--port", type=_port, metavar="N", help="where it listens (default: 8501; of Gradio, 7860); it must be free"
    )
    parser.add_argument("--gradio", action="store_true", help="the Gradio app instead of the Streamlit app")
    parser.add_argument(
        "options", nargs="*", metavar="OPTION", help="for Streamlit, after --, as in: demo -- --server.address 0.0.0.0"
    )


def app() -> Path:
    """The folder of the app: inside an installed package, or at the root of a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "app" / "demo"
    return installed if installed.is_dir() else package.parent / "demo"


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 65536:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 65535, got {text}")
    return port


def _run(script: Path) -> int:
    sys.argv = [str(script)]
    runpy.run_path(str(script), run_name="__main__")
    return 0


def _leave(status: int) -> NoReturn:
    """Ends the process as it is: Python would end threads that are inside PyTorch, and C++ takes that for a crash."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)
