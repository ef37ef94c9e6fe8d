"""The viewer's files as one script and one style sheet, because neither front end serves several."""

import re
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent / "viewer"

# In the order of their imports: a file only uses what stands before it.
SCRIPTS = ("dom", "pack", "color", "scores", "image", "curves", "network", "maps", "cuts", "why", "viewer")
STYLES = ("viewer", "image", "network", "cuts")


@cache
def script() -> str:
    """The viewer as one module: its files without their imports, which exports ``view`` and a default."""
    sources = [(HERE / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    joined = re.sub(r'^import \{[^}]*\} from "\.{1,2}/.*";\n', "", "\n".join(sources), flags=re.MULTILINE)
    return re.sub(r"^export (?!default|\{)(?!function view\()", "", joined, flags=re.MULTILINE)


@cache
def style() -> str:
    """The viewer's style sheets as one."""
    return "\n".join((HERE / f"{name}.css").read_text(encoding="utf-8") for name in STYLES)
