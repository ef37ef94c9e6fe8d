"""The viewer's files as one script and one style sheet, because neither front end serves several."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent / "viewer"
STREAMLIT = HERE.with_name("streamlit_view")

# Scripts in any order: none runs anything of another's while it is loaded.  The style that all panels share is first.
SCRIPTS = sorted(HERE.rglob("*.js"))
STYLES = sorted(HERE.rglob("*.css"), key=lambda path: (len(path.parts), path))

# Without these the script is shorter by a quarter.
COMMENT_OR_INDENT = re.compile(r"^ */\*\*[\s\S]*?\*/ *\n|^ *//.*\n|^ +", re.MULTILINE)


@cache
def script() -> str:
    """The viewer as one module, which exports ``view``."""
    return joined(SCRIPTS)


@cache
def streamlit_code() -> str:
    """The viewer as a component of Streamlit that brings its code and shows nothing."""
    return joined([*SCRIPTS, STREAMLIT / "code.js"])


@cache
def streamlit_place() -> str:
    """The component of Streamlit in which the viewer stands."""
    return joined([STREAMLIT / "place.js"])


def joined(scripts: Iterable[Path]) -> str:
    """Scripts as one module: without the imports of each other, and exporting nothing but ``view`` and a default."""
    sources = [path.read_text(encoding="utf-8") for path in scripts]
    joined = re.sub(r'^import \{[^}]*\} from "\.{1,2}/.*";\n', "", "\n".join(sources), flags=re.MULTILINE)
    alone = re.sub(r"^export (?!default|\{)(?!function view\()", "", joined, flags=re.MULTILINE)
    return COMMENT_OR_INDENT.sub("", alone)


@cache
def style() -> str:
    """The viewer's style sheets as one."""
    return "\n".join(path.read_text(encoding="utf-8") for path in STYLES)
