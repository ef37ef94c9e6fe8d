"""The training loop: options in, weights and a card out, stopped and resumed at any moment.

A run that was stopped and resumed ends with the weights of one that never stopped: ``unet.material`` draws nothing from
what ran before, and everything else that changes is in the run's checkpoint.
"""

import io
import json
import math
import os
import platform
import shlex
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field, fields
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from unet import checkpoint, metrics
from unet.checkpoint import Card, write_atomically
from unet.data import Tiles
from unet.image import RULE
from unet.losses import symmetric_lovasz
from unet.material import Material, batches, epoch_order, epoch_tiles, load_material, shrunk
from unet.model import UNet, UNetConfig, channels_last
from unet.segmenter import Segmenter, computes_bfloat16

RUNS = Path("runs")
LICENCE = (
    "Trained on tiles of the TGS Salt Identification Challenge, whose rules allow non-commercial, research and "
    "educational use; read them before any other use of these weights."
)


class TrainingError(RuntimeError):
    """A run that cannot start or go on; the message says what to do."""


@dataclass(frozen=True)
class TrainingConfig:
    """Trains a U-Net and writes its weights and card to runs/NAME/."""

    data: Path | None = None
    """Folder with the TGS data (train.zip or train/, and sections.csv). Default: data/tgs-salt if it is there;
    otherwise the network learns from invented sections alone."""
    name: str = "salt-unet"
    """Name of the run: everything is written to runs/NAME."""
    start_from: Path | None = None
    """Weights (NAME.safetensors with its card) to begin with instead of random ones; their shape is kept."""
    resume: bool = False
    """Go on from the last complete checkpoint of this run, with the options it was started with."""
    epochs: int = 60
    """How often every training tile is seen."""
    batch_size: int = 32
    """Tiles per step and process."""
    learning_rate: float = 2e-3
    """AdamW's highest learning rate; a cosine takes it to 0."""
    weight_decay: float = 1e-2
    """AdamW's weight decay."""
    warm_up: float = 0.03
    """Share of the run in which the learning rate rises to its highest."""
    lovasz_from: float = 0.5
    """Share of the run after which the loss changes from cross-entropy to the symmetric Lovasz hinge."""
    coarse: float = 0.72
    """Size of the tiles, as a share of their own, until then: learning from smaller pictures first (Tan and Le 2021,
    EfficientNetV2) makes those epochs twice as fast. 1 switches it off."""
    ema_decay: float = 0.998
    """Decay per step of the moving average of the weights; the average is what is validated and kept."""
    synthetic_share: float = 0.1
    """Share of invented sections in every epoch, fresh ones each time."""
    sections_per_epoch: int = 3000
    """Invented sections per epoch where there is no other data."""
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
        for option in ("warm_up", "lovasz_from", "synthetic_share", "val_share", "ema_decay"):
            if not 0 <= getattr(self, option) <= 1:
                raise ValueError(f"{option} must lie between 0 and 1, got {getattr(self, option)}")
        if not 0.2 <= self.coarse <= 1:
            raise ValueError(f"coarse must lie between 0.2 and 1, got {self.coarse}")
        if self.synthetic_share == 1:
            raise ValueError("synthetic_share 1 leaves no room for the data; point --data to no data instead")

    @property
    def folder(self) -> Path:
        """Where the run is written."""
        return RUNS / self.name

    def to_json(self) -> dict[str, Any]:
        """The options as plain JSON values; ``from_json`` is its inverse."""
        return {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "TrainingConfig":
        """The options that ``to_json`` wrote."""
        known = {f.name for f in fields(cls)}
        kept = {k: v for k, v in values.items() if k in known}
        paths = {k: Path(kept[k]) for k in ("data", "start_from") if kept[k] is not None}
        return cls(**{**kept, **paths, "model": UNetConfig(**kept["model"])})


def learning_rate(config: TrainingConfig, progress: float) -> float:
    """The learning rate at ``progress`` (0 to 1) of the run: a linear rise, then a cosine to 0."""
    if progress < config.warm_up:
        return config.learning_rate * progress / config.warm_up
    done = (progress - config.warm_up) / (1 - config.warm_up)
    return config.learning_rate * (1 + math.cos(math.pi * done)) / 2


def train(config: TrainingConfig, console: Console | None = None) -> Path:
    """Runs or resumes a training.

    Args:
        config: the options.
        console: where progress is shown; by default standard error.

    Returns:
        The path of the weights; the card stands beside them.

    Raises:
        TrainingError: the run exists already and ``resume`` is not set, or the loss is not finite any more.
        DataError: the data is not there or not as expected.
    """
    console = console or Console(stderr=True)
    config, state = _start(config, console)
    fabric = _fabric(config)
    fabric.seed_everything(config.seed, verbose=False)
    material = load_material(config.data, config.val_share, config.seed)

    model, before = _first_weights(config, material)
    decay = get_ema_multi_avg_fn(config.ema_decay)  # type: ignore[no-untyped-call]
    average = AveragedModel(model, multi_avg_fn=decay, use_buffers=True)
    average = average.to(fabric.device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    network, optimizer = fabric.setup(model, optimizer)
    history: list[dict[str, Any]] = []
    if state is not None:
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        history = state["history"]

    def say(text: str) -> None:
        if fabric.is_global_zero:
            console.print(text, highlight=False, soft_wrap=True)

    if material.split is not None:
        say(f"{len(material.split.train)} tiles to train, {len(material.val.ids)} to validate ({material.split.by})")
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[status]}"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not (console.is_terminal and fabric.is_global_zero)) as progress:
        bar = progress.add_task("training", total=config.epochs, completed=len(history), status="")
        for epoch in range(len(history), config.epochs):
            began = time.monotonic()
            images, masks = epoch_tiles(material.train, epoch, config.synthetic_share, config.sections_per_epoch)
            fine = epoch >= config.lovasz_from * config.epochs
            if not fine:
                images, masks = shrunk(images, masks, config.coarse)
            order = epoch_order(
                len(images), config.seed, epoch, config.batch_size, fabric.world_size, fabric.global_rank
            )
            losses = []
            network.train()
            for step, (x, y) in enumerate(batches(images, masks, order, model.config.stride, config.seed, epoch)):
                position = (epoch + step / len(order)) / config.epochs
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(config, position)
                x, y = fabric.to_device((x, y))
                logits = network(x).float()
                loss = symmetric_lovasz(logits, y) if fine else functional.binary_cross_entropy_with_logits(logits, y)
                losses.append(loss.item())
                if not math.isfinite(losses[-1]):
                    raise TrainingError(
                        f"the loss is {losses[-1]} in epoch {epoch + 1}, step {step + 1}; the weights of epoch {epoch} "
                        f"are kept in {config.folder}; try a lower --learning-rate"
                    )
                optimizer.zero_grad()
                fabric.backward(loss)
                optimizer.step()
                average.update_parameters(model)
                rate = (step + 1) * x.shape[0] * fabric.world_size / (time.monotonic() - began)
                status = f"loss {losses[-1]:.4f}  {rate:.1f} tiles/s"
                progress.update(bar, completed=epoch + (step + 1) / len(order), status=status)

            if fabric.is_global_zero:
                trained = time.monotonic() - began
                ema = _ema(average)
                scores = _scores(Segmenter(ema, _rule()), material.val, threshold=0.5)
                seconds = (history[-1]["seconds"] if history else 0.0) + time.monotonic() - began
                history.append(
                    {
                        "epoch": epoch + 1,
                        "loss": float(np.mean(losses)),
                        "mAP": scores["mAP"],
                        "iou": scores["iou"],
                        "tiles_per_second": len(order) * config.batch_size * fabric.world_size / trained,
                        "seconds": seconds,
                    }
                )
                _keep(config, model, average, optimizer, history)
                card = _card(config, material, history, fabric, before) | {
                    "threshold": 0.5,
                    "metrics": {_judge(material): scores},
                }
                checkpoint.save(_weights(config), ema, card)
                left = seconds / (epoch + 1) * (config.epochs - epoch - 1)
                say(
                    f"epoch {epoch + 1}/{config.epochs}  loss {history[-1]['loss']:.4f}  "
                    f"{history[-1]['tiles_per_second']:.1f} tiles/s  "
                    f"mAP {scores['mAP']:.4f}  IoU {scores['iou']:.4f}  {left / 60:.0f} min left"
                )
            else:
                history.append({})  # only its length matters on the other processes
            fabric.barrier()

    if fabric.is_global_zero:
        card = judged(Segmenter(_ema(average), _rule()), material) | _card(config, material, history, fabric, before)
        card = checkpoint.save(_weights(config), _ema(average), card)
        claim = card["claim"]
        say(
            f"{_weights(config)}: mAP {claim['value']:.4f} on {claim['count']} tiles of {claim['split']} "
            f"(flip TTA, threshold {claim['threshold']:.2f})"
        )
    return _weights(config)


def judged(segmenter: Segmenter, material: Material) -> Card:
    """The card's entries that say how good a network is: threshold, metrics on named splits, calibration, claim.

    The threshold is the best for the mAP on the validation tiles with flip TTA, whose curve is the smoother one; every
    metric is taken at it.
    """
    truths = list(material.val.masks)
    plain = segmenter.probabilities(list(material.val.images))
    mirrored = segmenter.probabilities(list(material.val.images), tta=True)
    best = metrics.best_threshold(mirrored, truths)
    threshold = best["threshold"]
    scored = metrics.evaluate(mirrored, truths, threshold)
    split = _judge(material)
    return {
        "threshold": threshold,
        "threshold_chosen": {"on": split, "tta": True, **best},
        "metrics": {
            split: metrics.evaluate(plain, truths, threshold),
            f"{split}, flip TTA": scored,
            "synthetic": _scores(segmenter, material.unseen, threshold),
        },
        "calibration": [point._asdict() for point in metrics.calibration_curve(plain, truths) if point.pixels],
        "claim": {
            "metric": "mAP",
            "value": scored["mAP"],
            "split": split,
            "count": scored["count"],
            "tta": True,
            "threshold": threshold,
        },
    }


def _start(config: TrainingConfig, console: Console) -> tuple[TrainingConfig, dict[str, Any] | None]:
    """The options to run with, and the state to go on from if there is one."""
    path = config.folder / "resume.pt"
    if not config.resume:
        if path.exists():
            raise TrainingError(f"{config.folder} holds a run already; pass --resume to go on, or another --name")
        return config, None
    if not path.exists():
        console.print(f"{config.folder} holds no complete checkpoint: starting from the beginning")
        return config, None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    console.print(f"{config.folder}: going on after epoch {len(state['history'])} with the run's own options")
    return TrainingConfig.from_json(state["config"]), state


def _first_weights(config: TrainingConfig, material: Material) -> tuple[UNet, Card | None]:
    """A network to train, and the card of the weights it starts from, if any."""
    if config.start_from is None:
        return channels_last(UNet(config.model)), None
    model, card = checkpoint.load(config.start_from)
    seen = set((card.get("split") or {}).get("train", [])) & set(material.val.ids)
    if seen:
        raise TrainingError(
            f"{config.start_from} was trained on {len(seen)} of the tiles that would judge this run; "
            "use the --seed and --val-share of its card"
        )
    return model.requires_grad_(True), card


def _fabric(config: TrainingConfig) -> Fabric:
    """Devices, processes and precision; under torchrun the launcher's environment says how many there are."""
    precision: Any = config.precision
    if precision == "auto":
        pays = torch.cuda.is_bf16_supported() if torch.cuda.is_available() else computes_bfloat16()
        precision = "bf16-mixed" if pays else "32-true"
    world = int(os.environ.get("WORLD_SIZE", 1))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", world))
    accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    strategy = "ddp" if world > 1 else "auto"
    fabric = Fabric(
        accelerator=accelerator, strategy=strategy, devices=local, num_nodes=world // local, precision=precision
    )
    fabric.launch()
    return fabric


def _weights(config: TrainingConfig) -> Path:
    return config.folder / f"{config.name}.safetensors"


def _judge(material: Material) -> str:
    """The name of the split that chooses the threshold and makes the claim."""
    return "val" if material.split is not None else "synthetic"


def _rule() -> Card:
    return {"threshold": 0.5, "input": RULE}


def _ema(average: AveragedModel) -> UNet:
    model = average.module
    assert isinstance(model, UNet)  # what it was made of
    return model.eval()


def _scores(segmenter: Segmenter, tiles: Tiles, threshold: float) -> metrics.Scores:
    return metrics.evaluate(segmenter.probabilities(list(tiles.images)), list(tiles.masks), threshold)


def _keep(
    config: TrainingConfig, model: UNet, average: AveragedModel, optimizer: Any, history: list[dict[str, Any]]
) -> None:
    """Everything a run goes on from, and the metrics of its epochs, each file whole or not at all."""
    state = {
        "config": config.to_json(),
        "model": model.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": history,
    }
    content = io.BytesIO()
    torch.save(state, content)
    config.folder.mkdir(parents=True, exist_ok=True)
    write_atomically(config.folder / "resume.pt", lambda file: file.write(content.getbuffer()))
    lines = "".join(json.dumps(entry) + "\n" for entry in history)
    write_atomically(config.folder / "metrics.jsonl", lambda file: file.write(lines.encode()))


def _card(
    config: TrainingConfig, material: Material, history: list[dict[str, Any]], fabric: Fabric, before: Card | None
) -> Card:
    """The card's entries that say where weights come from; ``before`` is the card of those the run started from."""
    split = material.split
    return {
        "name": config.name,
        "input": RULE,
        "split": split
        and {
            "by": split.by,
            "seed": config.seed,
            "val_share": config.val_share,
            "sha256": split.sha256,
            "train": split.train,
            "val": split.val,
        },
        "training": {
            "command": _command(fabric.world_size),
            "options": config.to_json(),
            "started_from": before and {key: before.get(key) for key in ("name", "sha256", "training")},
            "epochs": len(history),
            "seconds": round(history[-1]["seconds"], 1),
            "code": _version(),
            "torch": torch.__version__,
            "precision": str(fabric._precision.precision),
            "processes": fabric.world_size,
            "threads": torch.get_num_threads(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}",
        },
        "licence": LICENCE if split is not None else "MIT, as the code: learned from invented sections only.",
    }


def _command(processes: int) -> str:
    launcher = ["python"] if processes == 1 else ["torchrun", "--standalone", f"--nproc-per-node={processes}"]
    return shlex.join([*launcher, *(word for word in sys.argv if word != "--resume")])


def _version() -> str:
    """The package's version, and the commit where it runs from a checkout."""
    version = metadata.version("salt-unet")
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return f"{version}+{subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()}"
    except (OSError, subprocess.CalledProcessError):
        return version
