"""Where the app finds its files."""

from pathlib import Path

HERE = Path(__file__).parent
# In a checkout its own folders; of an installed app those where it was started.
ROOT = HERE.parent if (HERE.parent / "pyproject.toml").is_file() else Path.cwd()
