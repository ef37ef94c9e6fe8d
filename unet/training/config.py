"""Every option of a training run, as one documented dataclass that train.py turns into its command line."""

import math
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec
from torch import Tensor

from unet.amplitude import Limits, limits_asked_for
from unet.model import UNetConfig


@dataclass(frozen=True)
class TrainingConfig:
    """Trains a U-Net and writes its weights and card to runs/NAME/.

    The best networks are made in rounds. Some teachers with --model.encoder efficientnet-lite0 learn from the labelled
    tiles. A student learns from them and, with --teacher, from the tiles that their mean labels. It surpasses them, and
    becomes one of the teachers of the next round, which goes on from its weights with --start-from; with --survey-share
    the network also learns what other surveys look like. README.md has the commands.
    """

    data: Path | None = None
    """Folder with the TGS data (train.zip or train/, and sections.csv), or the zip or folder of tiles itself, with
    sections.csv in it or beside it. Default: data/tgs-salt below the current folder if it is there; otherwise the
    network learns from synthetic sections alone, and the first line says so. Images larger than 128 pixels a side are
    sections, of any size, that are cut into tiles. With --resume: where the same tiles are now."""
    name: str = "salt-unet"
    """Name of the run: everything is written to runs/NAME."""
    amplitude_limits: tuple[float, float] | None = None
    """The numbers that become black and white (LOW HIGH), where --data holds amplitudes and not images; HIGH before LOW
    reverses the polarity."""
    clip_percentile: float | None = None
    """Limits that leave out so many per cent of the samples at each end, for example 0.5, taken over all of --data
    together; the card then has them as --amplitude-limits."""
    split: Path | None = None
    """A card (NAME.json) whose split of the tiles to repeat, instead of drawing one by --val-share and --seed."""
    teacher: tuple[Path, ...] = ()
    """Weights of one or more networks whose mean probability labels the --unlabelled tiles, once, when the run begins.
    They must not have learned from the tiles that validate this run. A student that surpasses its teachers may be one
    of the next student's. With --resume: where the same weights are now."""
    teacher_weight: tuple[float, ...] = ()
    """How much each --teacher counts in their mean, in the same order; by default all count alike."""
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
    """Share of the run with cross-entropy alone."""
    lovasz_share: float = 0.75
    """Share of the symmetric Lovasz hinge in the loss after that; the rest stays cross-entropy, which alone learns from
    a teacher's probabilities as they are."""
    coarse: float = 1.0
    """Height and width of the tiles until then, as a share of their own: learning from smaller images first (Tan and Le
    2021, EfficientNetV2), for example 0.72, makes those epochs twice as fast on a CPU."""
    ema_decay: float = 0.999
    """Decay per step of the exponential moving average of the weights, which is validated and saved."""
    synthetic_share: float = 0.05
    """Share of synthetic sections in every epoch, the next ones in turn of at most 3,000."""
    sections_per_epoch: int = 3000
    """Synthetic sections per epoch where there is no other data, new ones each time."""
    survey_share: float = 0.0
    """Share of every batch that is varied as other surveys would: wavelet, polarity, gain, gamma, noise, rows and
    columns stretched apart, dead traces and gaps."""
    val_share: float = 0.12
    """Share of the labelled tiles held back for validation, whole seismic sections at a time."""
    validate_every: int = 1
    """Epochs from one validation to the next, and so from one writing of weights and resume checkpoint to the next."""
    snapshots: bool = False
    """Keep the network as it was before it learned and after up to 15 epochs, many early ones and few late ones, in
    runs/NAME/NAME.snapshots: the app's tab Time shows masks and maps as they formed. In half precision each takes half
    the bytes of the weights: 3.6 MB of the default network, at most 58 MB in all."""
    seed: int = 0
    """Decides the split, the initial weights, the order of tiles and their augmentation."""
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    """Number format of the forward pass; auto takes bfloat16 where the hardware computes in it."""
    compile: bool = False
    """Compile the network with torch.compile first, which takes a minute and a compiler."""
    model: UNetConfig = field(default_factory=UNetConfig)
    """The shape of the network."""

    def __post_init__(self) -> None:
        if not self.name or Path(self.name).name != self.name or self.name in (".", ".."):
            raise ValueError(f"expected name to be a plain folder name, got {self.name!r}")
        for option in ("epochs", "batch_size", "sections_per_epoch", "validate_every"):
            if getattr(self, option) < 1:
                raise ValueError(f"expected {option} to be at least 1, got {getattr(self, option)}")
        shares = ["warm_up", "lovasz_from", "lovasz_share", "ema_decay", "val_share"]
        shares += ["synthetic_share", "unlabelled_share", "survey_share"]
        for option, least in {**dict.fromkeys(shares, 0), "coarse": 0.2}.items():
            if not least <= getattr(self, option) <= 1:
                raise ValueError(f"expected {option} to be between {least} and 1, got {getattr(self, option)}")
        if self.teacher and self.synthetic_share + self.unlabelled_share >= 1:
            raise ValueError(
                "expected synthetic_share and unlabelled_share to leave room for the labelled tiles, "
                f"got {self.synthetic_share} and {self.unlabelled_share}; lower one"
            )
        weights = self.teacher_weight
        if weights and len(weights) != len(self.teacher) and not self.resume:
            raise ValueError(f"expected a teacher_weight for each teacher, got {len(weights)} for {len(self.teacher)}")
        if not all(0 < weight < math.inf for weight in weights):
            raise ValueError(f"expected every teacher_weight to be a finite number above 0, got {weights}")
        limits_asked_for(self.amplitude_limits, self.clip_percentile)
        if self.unlabelled is not None and not self.teacher and not self.resume:  # a resumed run has its teachers
            raise ValueError("expected a teacher for the unlabelled tiles, got none; name one with --teacher")
        if self.synthetic_share == 1:
            raise ValueError("expected synthetic_share below 1, got 1; leave out --data to learn from nothing else")

    @property
    def limits(self) -> Limits | float | None:
        """The limits of amplitudes, or the percentage that finds them, for ``load_dataset``."""
        return limits_asked_for(self.amplitude_limits, self.clip_percentile)

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
