"""Every option of a training run, as one documented dataclass that train.py turns into its command line."""

import math
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec
from torch import Tensor

from unet.model import UNetConfig


@dataclass(frozen=True)
class TrainingConfig:
    """Trains a U-Net and writes its weights and card to runs/NAME/."""

    data: Path | None = None
    """Folder with the TGS data (train.zip or train/, and sections.csv), or the zip or folder of tiles itself, with
    sections.csv in it or beside it. Default: data/tgs-salt below the current folder if it is there; otherwise the
    network learns from synthetic sections alone, and the first line says so. With --resume: where the same tiles are
    now."""
    name: str = "salt-unet"
    """Name of the run: everything is written to runs/NAME."""
    split: Path | None = None
    """A card (NAME.json) whose split of the tiles to repeat, instead of drawing one by --val-share and --seed."""
    teacher: tuple[Path, ...] = ()
    """Weights of one or more networks whose mean probability labels the --unlabelled tiles, once, when the run begins.
    They must not have learned from the tiles that validate this run. With --resume: where the same weights are now."""
    unlabelled: Path | None = None
    """Folder or zip with the tiles for the teacher; by default test.zip or test/ in --data or beside it. Tiles in
    sections that validate are left out. With --resume: where the same tiles are now."""
    unlabelled_share: float = 0.7
    """Share of pseudo-labelled tiles in every epoch, the next ones in turn; less where there are too few to fill it
    without taking one twice. Needs --teacher."""
    start_from: Path | None = None
    """Weights (NAME.safetensors with its card) to begin with instead of random ones; they bring their own shape."""
    resume: bool = False
    """Go on from the last complete resume checkpoint of this run, with the options it was started with and with the
    same tiles, split and teachers, byte for byte. The run is refused where they changed; --data, --unlabelled and
    --teacher say where they are now. Other options given beside it are named and not used. On as many processes and
    threads as before it ends with the same weights, bit for bit; it may go on with more or fewer."""
    epochs: int = 60
    """How often every training tile is seen."""
    batch_size: int = 32
    """Tiles per step and process; each process normalises with its own batch statistics."""
    learning_rate: float = 2e-3
    """AdamW's highest learning rate; a cosine takes it to 0."""
    weight_decay: float = 1e-2
    """AdamW's weight decay."""
    warm_up: float = 0.03
    """Share of the run in which the learning rate rises to its highest."""
    lovasz_from: float = 0.5
    """Share of the run after which the loss changes from cross-entropy to the symmetric Lovasz hinge."""
    coarse: float = 0.72
    """Height and width of the tiles until then, as a share of their own: learning from smaller images first (Tan and Le
    2021, EfficientNetV2) makes those epochs twice as fast. 1 switches it off."""
    ema_decay: float = 0.998
    """Decay per step of the exponential moving average of the weights, which is validated and saved."""
    synthetic_share: float = 0.1
    """Share of synthetic sections in every epoch, new ones each time."""
    sections_per_epoch: int = 3000
    """Synthetic sections per epoch where there is no other data."""
    val_share: float = 0.12
    """Share of the labelled tiles held back for validation, whole seismic sections at a time."""
    seed: int = 0
    """Decides the split, the initial weights, the order of tiles and their augmentation."""
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    """Number format of the forward pass; auto takes bfloat16 where the hardware computes in it."""
    model: UNetConfig = field(default_factory=UNetConfig)
    """The shape of the network."""

    def __post_init__(self) -> None:
        if not self.name or Path(self.name).name != self.name or self.name in (".", ".."):
            raise ValueError(f"expected name to be a plain folder name, got {self.name!r}")
        for option in ("epochs", "batch_size", "sections_per_epoch"):
            if getattr(self, option) < 1:
                raise ValueError(f"expected {option} to be at least 1, got {getattr(self, option)}")
        shares = ("warm_up", "lovasz_from", "synthetic_share", "unlabelled_share", "val_share", "ema_decay")
        for option, least in {**dict.fromkeys(shares, 0), "coarse": 0.2}.items():
            if not least <= getattr(self, option) <= 1:
                raise ValueError(f"expected {option} to be between {least} and 1, got {getattr(self, option)}")
        if self.teacher and self.synthetic_share + self.unlabelled_share >= 1:
            raise ValueError(
                "expected synthetic_share and unlabelled_share to leave room for the labelled tiles, "
                f"got {self.synthetic_share} and {self.unlabelled_share}; lower one"
            )
        if self.unlabelled is not None and not self.teacher and not self.resume:  # a resumed run has its teachers
            raise ValueError("expected a teacher for the unlabelled tiles, got none; name one with --teacher")
        if self.synthetic_share == 1:
            raise ValueError("expected synthetic_share below 1, got 1; leave out --data to learn from nothing else")

    @property
    def folder(self) -> Path:
        """Where the run is written."""
        return Path("runs") / self.name

    @property
    def weights(self) -> Path:
        """The weights of the run; their card stands beside them."""
        return self.folder / f"{self.name}.safetensors"


def plain(value: Any) -> Any:
    """A typed value as dictionaries, lists and plain values: paths become text, tensors stay."""
    return msgspec.to_builtins(value, enc_hook=os.fspath, builtin_types=(Tensor,))


def unused_options(given: TrainingConfig, own: TrainingConfig) -> list[str]:
    """The options given beside --resume that a run ignores because its own differ, as words of the command line."""
    values, current, defaults = (_by_option(config) for config in (given, own, TrainingConfig()))
    command = sys.argv if Path(sys.argv[0]).name == "train.py" else []  # another program has options of its own
    named = {word.split("=", 1)[0].replace("_", "-") for word in command}
    used = {"name", "resume", "data"} | ({"teacher", "unlabelled"} if own.teacher else set())
    return [
        f"--{option} {' '.join(map(str, value)) if isinstance(value, (list, tuple)) else value}"
        for option, value in values.items()
        # A default may have been given explicitly too.
        if value != current[option] and option not in used and (value != defaults[option] or f"--{option}" in named)
    ]


def _by_option(config: TrainingConfig) -> dict[str, Any]:
    """Every value by the name of its option on the command line."""
    values = plain(config)
    shape = {f"model.{name}": value for name, value in values.pop("model").items()}
    return {name.replace("_", "-"): value for name, value in (values | shape).items()}


def learning_rate(config: TrainingConfig, progress: float) -> float:
    """The learning rate at ``progress`` (0 to 1) of the run: a linear rise, then a cosine to 0."""
    if progress < config.warm_up:
        return config.learning_rate * progress / config.warm_up
    fallen = (progress - config.warm_up) / (1 - config.warm_up)
    return config.learning_rate * (1 + math.cos(math.pi * fallen)) / 2
