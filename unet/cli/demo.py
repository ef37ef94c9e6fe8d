"""``python -m unet demo``: starts the app, from a checkout or from an installed package."""

import os
import runpy
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NoReturn

from tyro.conf import Positional, arg

from unet.cli.options import Flag, parse
from unet.cli.process import SignalHandler


@dataclass(frozen=True)
class Options:
    """Start the app, to be opened in a browser."""

    port: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    """Where it listens (default: 8501; of Gradio, 7860); it must be free."""
    gradio: Flag = False
    """The Gradio app instead of the Streamlit app."""
    options: Annotated[Positional[tuple[str, ...]], arg(metavar="[-- OPTION ...]", help_behavior_hint="")] = ()
    """For Streamlit, after --, as in: demo -- --server.address 0.0.0.0"""


def main(words: Sequence[str], signals: SignalHandler) -> int:
    """Runs the app until Ctrl-C, and ends the process with it.

    PyTorch must not be loaded yet: the app sets the environment it is loaded in.

    Args:
        words: those after ``demo``.
        signals: of this process.

    Returns:
        The exit status where the app could not start.
    """
    options: Options = parse(Options, words, "demo")
    front = "gradio" if options.gradio else "streamlit"
    if options.port is not None and not 0 < options.port < 65536:
        return _refuse(2, f"expected --port to be a number from 1 to 65535, got {options.port}")
    if options.gradio and options.options:
        return _refuse(2, f"expected no options for Streamlit with --gradio, got {' '.join(options.options)}")
    if not all(find_spec(library) for library in (front, "plotly")):
        return _refuse(1, f"expected {front} and plotly, got none; pip install 'salt-unet[demo]'")
    if options.gradio:
        if options.port is not None:
            os.environ["GRADIO_SERVER_PORT"] = str(options.port)
        _exit(signals.run("demo: stopped", _run_gradio))
    port = [] if options.port is None else ["--server.port", str(options.port)]
    sys.argv = ["streamlit", "run", str(app() / "app.py"), *port, *options.options]
    # Until it serves, a signal ends the process on the spot; then Streamlit handles signals itself.
    try:
        runpy.run_module("streamlit", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        _exit(end.code if isinstance(end.code, int) else 1 if end.code else 0)
    return 0


def app() -> Path:
    """The folder of the app: inside an installed package, or at the root of a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "app" / "demo"
    return installed if installed.is_dir() else package.parent / "demo"


def _refuse(status: int, sentence: str) -> int:
    print(f"demo: {sentence}", file=sys.stderr)
    return status


def _run_gradio() -> int:
    script = str(app() / "gradio_app.py")
    sys.argv = [script]
    runpy.run_path(script, run_name="__main__")
    return 0


def _exit(status: int) -> NoReturn:
    """Ends the process as it is: Python would end threads that are inside PyTorch, and C++ takes that for a crash."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)
