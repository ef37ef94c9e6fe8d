"""What of the explorer is open."""

from typing import Annotated

from msgspec import Meta, Struct

from demo.limits import LONGEST_EDITS, LONGEST_TEXT
from unet.typed import Share

Text = Annotated[str, Meta(max_length=LONGEST_TEXT)]
Whole = Annotated[int, Meta(ge=0, lt=2**31)]
Edits = Annotated[str, Meta(max_length=LONGEST_EDITS)]


class ViewState(Struct, frozen=True):
    """What of the explorer is open, as viewer.js knows it; whether it fits an image and a network is seen there.

    Attributes:
        layer: the block of the U that is open, or None.
        channel: the map of it that is open, or None.
        cuts: the parts of the U that are cut.
        fill: what stands in for them: ``zero``, ``mean`` or a sample.
        pixel: the row and the column of the pixel to explain, or None.
        box: the top, the left, the height and the width of the box to explain, or None.
        random: whether the network with random weights responds.
        epoch: of the snapshot that responds in place of the finished network, or None.
        edits: how the input was changed, as edits.js writes it; empty where it was not.
        tta: whether the image's probability is averaged with that of the mirrored image.
        other: the name of the weights beside the chosen ones, or None.
        truth: whether the mask is compared with the ground truth.
        tab: the panel below the network that is open.
        window: the top and the left of the part that is opened up, or None.
        lesson: the step of the lesson that is open, from 1, or None.
    """

    layer: Text | None = None
    channel: Whole | None = None
    cuts: Annotated[tuple[Text, ...], Meta(max_length=20)] = ()
    fill: Text = "zero"
    pixel: tuple[Whole, Whole] | None = None
    box: tuple[Whole, Whole, Whole, Whole] | None = None
    random: bool = False
    epoch: Whole | None = None
    edits: Edits = ""
    tta: bool = False
    other: Text | None = None
    truth: bool = False
    tab: Text = "maps"
    window: tuple[Whole, Whole] | None = None
    lesson: Whole | None = None


def changes(view: ViewState | None) -> str:
    """How the network that the explorer shows, and its input, differ from what is exported; empty where they do not.

    Flip TTA and the weights beside change nothing here: what is exported has the one, and names the other.

    Example:
        >>> changes(ViewState(cuts=("skip1", "bottleneck"), fill="mean", random=True))
        'without skip1, bottleneck (mean in their place), with random weights'
        >>> changes(ViewState(edits="flip:h"))
        'on a changed input'
    """
    if view is None:
        return ""
    cuts = f"without {', '.join(view.cuts)} ({view.fill} in their place)" if view.cuts else ""
    learned = "" if view.epoch is None else f"as it was after epoch {view.epoch}"
    random = "with random weights" if view.random else ""
    return ", ".join(filter(None, (cuts, learned, random, "on a changed input" if view.edits else "")))


class ViewerThreshold(Struct, frozen=True):
    """The threshold, which viewer.js sends together with a view."""

    threshold: Share
