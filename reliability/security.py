"""What can run code that nobody meant to run, and what is known to be broken: ``python -m reliability.security``.

The source is read as a tree, so another name for a function does not hide it.
"""

import ast
import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version
from rich.console import Console

ROOT = Path(__file__).parents[1]
RESUME = "unet/training/resume.py"  # where a run reads its own resume file, and the one place for torch.load

# Each of these can run what stands in a file, or a string.
NEVER = (
    "pickle",
    "_pickle",
    "cloudpickle",
    "dill",
    "jsonpickle",
    "joblib",
    "shelve",
    "marshal",
    "yaml",
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
    "os.popen",
    "pandas.read_pickle",
    "gradio.load",  # fetches an app from elsewhere
    "torch.hub",
    "torch.package",
    "torch.jit.load",
    "torch.serialization",
    "torch.utils.model_zoo",
    "numpy.lib.format.read_array",  # np.load does the same, and says whether it unpickles
)


@dataclass(frozen=True)
class Hole:
    """A known hole of a package we use, closed from the version ``closed`` on."""

    package: str
    closed: str
    what: str


HOLES = (
    Hole("torch", "2.6", "CVE-2025-32434, torch.load ran code also with weights_only=True"),
    Hole("torch", "2.10", "CVE-2026-24747, torch.load with weights_only=True wrote beyond its memory"),
    Hole("pillow", "12.2", "GHSA-whj4-6x5x-4v2j, a small FITS image took all memory"),
    Hole("gradio", "6.6", "CVE-2026-28416, gr.load fetched what an app of others named"),
    Hole("gradio", "6.7", "CVE-2026-28414, files outside the app could be read on Windows with Python 3.13"),
    Hole("gradio", "6.20", "/component_server took requests of any size"),
)


def sources() -> list[Path]:
    """Every file of Python that is run or installed; the tests, which attack it, are not."""
    folders = [ROOT / name for name in ("unet", "demo", "experiments", "reliability")]
    return [ROOT / "train.py", *sorted(path for folder in folders for path in folder.rglob("*.py"))]


def dangers(source: str, name: str) -> list[str]:
    """A sentence for each call or import in some source that could run what stands in a file.

    Args:
        source: the text of a file of Python.
        name: its path below the root, with forward slashes.
    """
    found = []
    nodes = list(ast.walk(ast.parse(source)))
    aliases = _aliases(nodes)
    safe = {id(node.func) for node in nodes if isinstance(node, ast.Call) and _is_safe(node, aliases, name)}
    for node, dotted in _names(nodes, aliases):
        if any(dotted == bad or dotted.startswith(f"{bad}.") for bad in NEVER):
            found.append(f"{name}:{node.lineno}: {dotted}")
        elif dotted in ("torch.load", "numpy.load") and id(node) not in safe:
            found.append(f"{name}:{node.lineno}: {dotted} where it may not stand, or without saying that it is safe")
    for keyword in (node for node in nodes if isinstance(node, ast.keyword)):
        value = ast.unparse(keyword.value)
        unsafe = {"allow_pickle": value != "False", "weights_only": value != "True", "shell": value != "False"}
        if unsafe.get(keyword.arg or "", False):
            found.append(f"{name}:{keyword.value.lineno}: {keyword.arg}={value}")
    return found


def _is_safe(call: ast.Call, aliases: dict[str, str], name: str) -> bool:
    """Whether a call says itself that it does not unpickle; torch.load must also stand in its one place."""
    keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    if _dotted(call.func, aliases) == "torch.load":
        return name == RESUME and keywords.get("weights_only") == "True"
    return keywords.get("allow_pickle") == "False"


def _names(nodes: list[ast.AST], aliases: dict[str, str]) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Everything a file imports or names, by its whole dotted name."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            # What is imported is judged where it is used: only then is it known how it is called.
            yield node, node.module
        elif isinstance(node, ast.Name | ast.Attribute):
            dotted = _dotted(node, aliases)
            if dotted:
                yield node, dotted


def _aliases(nodes: list[ast.AST]) -> dict[str, str]:
    """Local name -> what it stands for."""
    aliases: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            aliases |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            aliases |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return aliases


def _dotted(node: ast.expr, aliases: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return aliases.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        owner = _dotted(node.value, aliases)
        return owner and f"{owner}.{node.attr}"
    return None


def open_holes() -> list[str]:
    """A sentence for each known hole that the declared minimum versions, or the installed ones, leave open."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    declared = {(r := Requirement(line)).name: r for line in [*project["dependencies"], *extras]}
    found = []
    for hole in HOLES:
        closed = Version(hole.closed)
        floors = [Version(part.version) for part in declared[hole.package].specifier if part.operator == ">="]
        if not floors or max(floors) < closed:
            found.append(f"pyproject.toml allows {hole.package} below {hole.closed}: {hole.what}")
        try:
            installed = Version(metadata.version(hole.package))
        except metadata.PackageNotFoundError:  # an extra that is not wanted here
            continue
        if installed < closed:
            found.append(f"{hole.package} {installed} is installed, below {hole.closed}: {hole.what}")
    return found


def installed() -> list[str]:
    """The installed packages but our own, pinned; a local part such as +cpu is no version of an advisory's."""
    pins = {
        f"{distribution.metadata['Name'].lower()}=={Version(distribution.version).public}"
        for distribution in metadata.distributions()
        if distribution.metadata["Name"] != "salt-unet"
    }
    return sorted(pins)


def audit(pins: list[str]) -> tuple[list[str], list[str]] | None:
    """Asks pip-audit's vulnerability service about packages.

    Returns:
        A sentence for each known hole, and the packages that the service does not know; None where no service answers.
    """
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "requirements.txt"
        listed.write_text("\n".join(pins) + "\n", encoding="utf-8")
        options = ["--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off", "--timeout", "15"]
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(listed), *options]
        result = subprocess.run(command, capture_output=True, text=True)
    try:
        packages = json.loads(result.stdout)["dependencies"]
    except ValueError:  # it fell over on its way to the service
        return None
    found = [
        f"{package['name']} {package['version']}: {hole['id']}, closed in {', '.join(hole['fix_versions']) or 'none'}"
        for package in packages
        for hole in package.get("vulns", [])
    ]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    return None if len(unknown) == len(packages) else (found, unknown)


def main() -> int:
    """Prints what was looked at; 0 if nothing dangerous was found, 1 if something was."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    files = sources()
    found = [
        danger
        for path in files
        for danger in dangers(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())
    ]
    console.print(
        f"{len(files)} files of Python read: {len(found) or 'no'} calls that could run what stands in a file; "
        f"torch.load only in {RESUME}, with weights_only=True"
    )
    holes = open_holes()
    console.print(f"{len(HOLES)} known holes of our dependencies: {len(holes) or 'none'} open")
    found += holes
    if find_spec("pip_audit") is None:
        found.append("pip-audit is not installed: pip install 'salt-unet[check]'")
    else:
        pins = installed()
        first = [pin for pin in pins if pin.startswith("pillow==")]  # a service that does not know it knows nothing
        answer = audit(first) and audit(pins)
        if answer is None:
            console.print(f"pip-audit: no vulnerability service answers here, {len(pins)} packages were not audited")
        else:
            console.print(
                f"pip-audit: {len(pins) - len(answer[1])} packages audited, {len(answer[0]) or 'none'} with known "
                f"holes; {len(answer[1])} unknown to the service"
            )
            found += answer[0]
    for sentence in found:
        console.print(sentence)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
