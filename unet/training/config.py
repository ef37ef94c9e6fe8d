"""Every option of a training run, as one documented dataclass: train.py makes its command line of it."""

import math
import sys
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from unet.model import UNetConfig

RUNS = Path("runs")


@dataclass(frozen=True)
class TrainingConfig:
    """Trains a U-Net and writes its weights and card to runs/NAME/."""

    data: Path | None = None
    """Folder with the TGS data (train.zip or train/, and sections.csv), or the zip or folder of tiles itself, with
    sections.csv in it or beside it. Default: data/tgs-salt below the current folder if it is there; otherwise the
    network learns from synthetic sections alone, which the first line says. What was read is always said. With
    --resume: where the same tiles are now."""
    name: str = "salt-unet"
    """Name of the run: everything is written to runs/NAME."""
    split: Path | None = None
    """A card (NAME.json) whose split of the tiles to repeat, instead of drawing one by --val-share and --seed."""
    teacher: tuple[Path, ...] = ()
    """Weights of one or more networks whose mean opinion labels the --unlabelled tiles, once, when the run begins. They
    must not have learned from the tiles that validate this run. With --resume: where the same weights are now."""
    unlabelled: Path | None = None
    """Folder or zip with the tiles for the teacher; by default test.zip or test/ in --data or beside it. Tiles in
    sections that validate are left out. With --resume: where the same tiles are now."""
    unlabelled_share: float = 0.7
    """Share of every epoch that the teacher labelled, the next ones in turn, and less where there are too few to fill
    it without taking one twice; needs --teacher."""
    start_from: Path | None = None
    """Weights (NAME.safetensors with its card) to begin with instead of random ones; their shape is kept."""
    resume: bool = False
    """Go on from the last complete checkpoint of this run, with the options it was started with, and with the same
    tiles, split and teachers, which the checkpoint knows byte for byte: where they changed the run is refused, and
    --data, --unlabelled and --teacher say where they are now. Other options given beside it are named and not used. On
    as many processes and threads as before it ends with the same weights, bit for bit; it may go on with more or
    fewer."""
    epochs: int = 60
    """How often every training tile is seen."""
    batch_size: int = 32
    """Tiles per step and process; each process normalises with the statistics of its own."""
    learning_rate: float = 2e-3
    """AdamW's highest learning rate; a cosine takes it to 0."""
    weight_decay: float = 1e-2
    """AdamW's weight decay."""
    warm_up: float = 0.03
    """Share of the run in which the learning rate rises to its highest."""
    lovasz_from: float = 0.5
    """Share of the run after which the loss changes from cross-entropy to the symmetric Lovasz hinge."""
    coarse: float = 0.72
    """Size of the tiles, as a share of their own, until then: learning from smaller images first (Tan and Le 2021,
    EfficientNetV2) makes those epochs twice as fast. 1 switches it off."""
    ema_decay: float = 0.998
    """Decay per step of the moving average of the weights; the average is what is validated and kept."""
    synthetic_share: float = 0.1
    """Share of synthetic sections in every epoch, fresh ones each time."""
    sections_per_epoch: int = 3000
    """Synthetic sections per epoch where there is no other data."""
    val_share: float = 0.12
    """Share of the labelled tiles held back for validation, whole seismic sections at a time."""
    seed: int = 0
    """Decides the split, the first weights, the order of tiles and their augmentation."""
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    """Number format of the forward pass; auto takes bfloat16 where the hardware computes in it."""
    model: UNetConfig = field(default_factory=UNetConfig)
    """The shape of the network."""

    def __post_init__(self) -> None:
        if not self.name or Path(self.name).name != self.name or self.name in (".", ".."):
            raise ValueError(f"name must be a plain folder name, got {self.name!r}")
        for option in ("epochs", "batch_size", "sections_per_epoch"):
            if getattr(self, option) < 1:
                raise ValueError(f"{option} must be at least 1, got {getattr(self, option)}")
        for option in ("warm_up", "lovasz_from", "synthetic_share", "unlabelled_share", "val_share", "ema_decay"):
            if not 0 <= getattr(self, option) <= 1:
                raise ValueError(f"{option} must lie between 0 and 1, got {getattr(self, option)}")
        if not 0.2 <= self.coarse <= 1:
            raise ValueError(f"coarse must lie between 0.2 and 1, got {self.coarse}")
        if self.teacher and self.synthetic_share + self.unlabelled_share >= 1:
            raise ValueError("synthetic_share and unlabelled_share leave no room for the labelled tiles; lower one")
        if self.unlabelled is not None and not self.teacher and not self.resume:  # which has its teachers
            raise ValueError("unlabelled tiles teach nothing by themselves; name a --teacher too")
        if self.synthetic_share == 1:
            raise ValueError("synthetic_share 1 leaves no room for the data; point --data to no data instead")

    @property
    def folder(self) -> Path:
        """Where the run is written."""
        return RUNS / self.name

    def to_json(self) -> dict[str, Any]:
        """The options as plain JSON values; ``from_json`` is its inverse."""

        def plain(value: Any) -> Any:
            if isinstance(value, tuple):
                return [plain(part) for part in value]
            return str(value) if isinstance(value, Path) else value

        return {name: plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "TrainingConfig":
        """The options that ``to_json`` wrote."""
        known = {f.name for f in fields(cls)}
        kept = {k: v for k, v in values.items() if k in known}
        for name in ("data", "split", "unlabelled", "start_from"):
            if kept.get(name) is not None:
                kept[name] = Path(kept[name])
        kept["teacher"] = tuple(Path(path) for path in kept.get("teacher", ()))
        return cls(**{**kept, "model": UNetConfig(**kept["model"])})


def differing(given: TrainingConfig, own: TrainingConfig) -> list[str]:
    """The options given beside --resume that are not those of the run and change nothing, as they were given."""
    asked, kept, usual = (_flat(config) for config in (given, own, TrainingConfig()))
    words = {word.split("=", 1)[0].replace("_", "-") for word in sys.argv} if _is_command() else set()
    where = {"name", "resume", "data"} | ({"teacher", "unlabelled"} if own.teacher else set())  # these are used
    return [
        f"--{name} {_plain(value)}"
        for name in asked
        if (value := asked[name]) != kept[name] and name not in where
        # An option that has its usual value may have been given all the same.
        if value != usual[name] or f"--{name}" in words
    ]


def _is_command() -> bool:
    """Whether the words of this process are options of a run, and not those of some program that trains."""
    return Path(sys.argv[0]).name == "train.py"


def _flat(config: TrainingConfig) -> dict[str, Any]:
    """Every option under its name on the command line."""
    values = config.to_json()
    shape = values.pop("model")
    return {name.replace("_", "-"): value for name, value in values.items()} | {
        f"model.{name.replace('_', '-')}": value for name, value in shape.items()
    }


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def learning_rate(config: TrainingConfig, progress: float) -> float:
    """The learning rate at ``progress`` (0 to 1) of the run: a linear rise, then a cosine to 0."""
    if progress < config.warm_up:
        return config.learning_rate * progress / config.warm_up
    done = (progress - config.warm_up) / (1 - config.warm_up)
    return config.learning_rate * (1 + math.cos(math.pi * done)) / 2
