"""The card of weights: what rebuilds them, how good they are and where they come from.

It is typed and frozen, and checked once, when it is read from disk.
"""

import hashlib
from collections import Counter
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from unet.bootstrap import Interval
from unet.model import Site, UNetConfig
from unet.typed import Count, Share


class SectionTable(Struct, frozen=True, kw_only=True):
    """How much a ``sections.csv`` tells of some tiles.

    Attributes:
        file: its path.
        lines: tiles that it lists.
        lines_used: lines of those that name one of the tiles.
        tiles: how many tiles there are.
        tiles_in_one: how many of them lie in a known section.
        notes: what is doubtful in it, in plain sentences.
    """

    file: str = ""
    lines: Count = 0
    lines_used: Count = 0
    tiles: Count = 0
    tiles_in_one: Count = 0
    notes: tuple[str, ...] = ()


class Split(Struct, frozen=True, kw_only=True):
    """The tiles a run is trained on and those it is validated on.

    Attributes:
        by: what is never divided between the two, a ``section`` or only a ``tile``.
        train, val: ids of the tiles.
        left_out: tiles without labels in sections that validate; they may not be trained on either.
        sections: the table of sections it was drawn with; None without one.
        val_sections: tile that validates -> its section, where that is known.
        seed, val_share: what the split was drawn with.
    """

    by: str = ""
    train: tuple[str, ...] = ()
    val: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    sections: SectionTable | None = None
    val_sections: dict[str, str] = {}
    seed: int | None = None
    val_share: float | None = None

    def __post_init__(self) -> None:
        for side in ("train", "val", "left_out"):
            name, times = next(iter(Counter(getattr(self, side)).most_common(1)), ("", 0))
            if times > 1:
                raise ValueError(f"expected every tile once in split.{side}, got {name[:40]!r} {times} times")

    @property
    def sha256(self) -> str:
        """The hash of both lists in order: equal for the same split."""
        text = "\n".join([*self.train, "", *self.val])
        return hashlib.sha256(text.encode()).hexdigest()


class Claim(Struct, frozen=True, kw_only=True):
    """The headline score: metric and value, and the split, its tiles, the threshold and the flip TTA they are for.

    ``interval`` says how far it would move on other tiles of the same kind; None in cards from before there was one.
    """

    metric: str
    value: Share
    split: str
    count: Count
    tta: bool
    threshold: Share
    interval: Interval | None = None


class ThresholdChoice(Struct, frozen=True, kw_only=True):
    """How the threshold was chosen.

    Attributes:
        on, tta: the split, and whether with flip TTA.
        rule: what was asked of the threshold, in words; empty in cards from before there was a choice of rules.
        threshold, mAP: what was chosen, and the mAP there.
        highest_mAP: at any threshold; None in cards from before the two differed.
        flat_from, flat_to: the unbroken range around it in which mAP is hardly lower.
    """

    on: str
    tta: bool
    rule: str = ""
    threshold: Share
    mAP: Share
    highest_mAP: Share | None = None
    flat_from: Share
    flat_to: Share


class CalibrationPoint(Struct, frozen=True, kw_only=True):
    """One bin of a reliability diagram: mean probability, share of salt, and number of pixels."""

    mean_probability: Share
    salt_fraction: Share
    pixels: Count


class Snapshot(Struct, frozen=True, kw_only=True):
    """A network as it was after an epoch of its run, kept on disk; see ``unet.snapshots``.

    Attributes:
        epoch: how many were complete; 0 is before learning.
        sha256: of the snapshot's file.
    """

    epoch: Count
    sha256: str


class Card(Struct, frozen=True, kw_only=True):
    """What is known about weights.

    Attributes:
        threshold: salt is where the probability is above it; between 0 and 1.
        input: the rule by which images become network input; see ``unet.image.RULE``.
        temperature: every logit is divided by it on its way to a probability (Guo et al. 2017).
        config, sites, parameters, sha256: of the network and its tensors; ``checkpoint.save`` fills them in.
        name: what the run was called.
        claim: the headline score; None without one.
        threshold_chosen: how the threshold was chosen.
        metrics: name of a split -> its scores.
        intervals: name of a split -> the 95 % intervals of some of its scores; see ``unet.bootstrap``.
        calibration: the reliability diagram of the claim's probabilities.
        split: None where everything was synthetic.
        snapshots: of the run that made the weights, earliest first.
        training: the record of how the weights were made: command, options, data, history, machine, lineage.
        licence: what they may be used for.
    """

    threshold: Annotated[float, Meta(gt=0, lt=1)]
    input: dict[str, str | float]
    temperature: Annotated[float, Meta(gt=0.05, le=20)] = 1.0
    config: UNetConfig | None = None
    sites: tuple[Site, ...] | None = None
    parameters: Annotated[int, Meta(ge=1, le=10**12)] | None = None
    sha256: str = ""
    name: str = ""
    claim: Claim | None = None
    threshold_chosen: ThresholdChoice | None = None
    metrics: dict[str, dict[str, float]] = {}
    intervals: dict[str, dict[str, Interval]] = {}
    calibration: tuple[CalibrationPoint, ...] = ()
    split: Split | None = None
    snapshots: Annotated[tuple[Snapshot, ...], Meta(max_length=100)] = ()
    training: dict[str, Any] | None = None
    licence: str | None = None

    def __post_init__(self) -> None:
        epochs = [snapshot.epoch for snapshot in self.snapshots]
        if epochs != sorted(set(epochs)):
            raise ValueError("expected the epochs of snapshots once each and in order, got others")

    @property
    def claims_tta(self) -> bool:
        """Whether the claim is made with flip TTA."""
        return self.claim is not None and self.claim.tta

    def trained_on(self) -> tuple[str, ...]:
        """Ids of the tiles that the weights learned from, as far as the card lists them."""
        return () if self.split is None else self.split.train

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for ``json``; what is not known is left out, but not that there is no split."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        if self.split is not None:
            values["split"]["sha256"] = self.split.sha256
        return {name: value for name, value in values.items() if name == "split" or value not in (None, "", (), {})}
