"""What the page remembers of one user: one object, changed by named transitions.  Nothing here knows Streamlit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from demo import images, lesson, missing
from demo.gallery import ImageSource
from demo.images import SAMPLES, TILE, SeismicImage, Survey, SurveyTile
from demo.limits import LONGEST_TEXT
from demo.markdown import literal
from demo.page.asked import AskedPlaces
from demo.session_file import SessionState, WeightsName
from demo.uploads import File, Uploads, free_label
from demo.view import ViewerThreshold, ViewState, changes
from demo.weights import Weights, WeightsKey
from unet import typed
from unet.files.images import ImageError
from unet.segmenter import Segmenter

LARGEST_NUMBER = 2**53  # that a browser counts to


@dataclass
class SelectBox:
    """A select box in which the user or Python chooses.

    Where Python chose, Streamlit gets another box, by another key: a message that left the browser before still says
    what the old box showed, which would otherwise count as the user's choice.
    """

    name: str
    value: str = ""
    _shown: str = ""
    _number: int = 0

    @property
    def key(self) -> str:
        """What Streamlit calls the box."""
        return f"{self.name} {self._number}"

    def renew(self) -> None:
        """Takes another key if Python chose; to be called before the box is drawn."""
        self._number += self.value != self._shown

    def show(self, value: str) -> None:
        """Takes over what the box shows, once it is drawn."""
        self.value = self._shown = value


class WantedWeights(NamedTuple):
    """Weights by their name, and by the sha256 of their tensors where that is known."""

    name: str
    sha256: str | None


@dataclass
class Wanted:
    """What a link, an upload or a session file asks to be opened.

    A run that is stopped half-way tells the browser nothing, so this lasts until a run comes to its end.

    Attributes:
        upload: the label of an image that has just arrived.
        image: the name of an image, which comes before ``upload``.
        asker: who asks for it.
        weights: the weights.
        other: the name of the weights beside them.
    """

    upload: str | None = None
    image: str | None = None
    asker: str = missing.LINK
    weights: WantedWeights | None = None
    other: str | None = None


def refuse(label: str) -> SeismicImage:
    """What opens a file that cannot be used."""
    raise ImageError(label)


@dataclass
class PageState:
    """The memory of the page.

    Attributes:
        threshold: of salt, in [0, 1]; it follows the viewer.
        view: what of the explorer is open, or None; it follows the viewer as well.
        revision: raised whenever Python moves the threshold or the view, and the viewer is to take them over.
        messages: sentences about what could not be found, as Markdown; they stay until the user chooses something else.
        uploads: the user's files.
        sources: label -> every image there is to choose from.
        tiles: name -> every survey tile there is; not all of them are among the sources.
        image: the image that is open; None where it cannot be used.
        fault: why, as Markdown; empty where there is an image.
        weights, weights_key, segmenter: the chosen weights, what caches are keyed by, and their network.
        request: what the viewer wants of the network, until it is responded to.
        heard: the number of the viewer's last request.
        asked: the pixels and boxes that were asked about.
        sent: the key of the image that the viewer has.
        drawn: how often the page was drawn as a whole.
        shown: the label of the image and the key of the weights whose result is on the page.
        leaving: whether the gallery makes way for the explorer.
    """

    threshold: float = 0.5
    view: ViewState | None = None
    revision: int = 0
    messages: list[str] = field(default_factory=list)
    uploads: Uploads = field(default_factory=Uploads)
    sources: dict[str, ImageSource] = field(default_factory=dict)
    tiles: dict[str, SurveyTile] = field(default_factory=dict)
    image_box: SelectBox = field(default_factory=lambda: SelectBox("image"))
    weights_box: SelectBox = field(default_factory=lambda: SelectBox("weights"))
    request: Any = None
    heard: int | None = None
    asked: AskedPlaces = field(default_factory=AskedPlaces)
    sent: str = ""
    drawn: int = 0
    shown: tuple[str, WeightsKey] | None = None
    leaving: bool = False
    # What every run settles before it draws a page.
    image: SeismicImage | None = field(init=False)
    fault: str = field(init=False)
    weights: Weights = field(init=False)
    weights_key: WeightsKey = field(init=False)
    segmenter: Segmenter = field(init=False)
    _wanted: Wanted = field(default_factory=Wanted)
    _wanted_threshold: float | None = None
    _step: int | None = None  # of the lesson, as the viewer last named it
    _brought: tuple[Path, float] | None = None  # the weights that last brought their threshold, and that
    _opened: tuple[str, object] | None = None  # label and key of the open image
    _opened_tiles: dict[str, None] = field(default_factory=dict)  # names, in the order in which they were opened
    _page: str | None = None
    _seen: object = 0  # the last drawing of the page that the viewer knew of
    _widgets: tuple[object, ...] = ()

    # --- What is wanted ---

    @classmethod
    def from_link(cls, query: Mapping[str, str]) -> "PageState":
        """The memory of a new session, which a link may ask for a sample, weights, a threshold and a step's image."""
        state, query = cls(), lesson.with_step(query)
        state._step = lesson.step_of(query.get("lesson"))
        state._wanted.image, state._wanted.other = query.get("sample"), query.get("other")
        if "weights" in query:
            state._wanted.weights = WantedWeights(query["weights"], None)
        if "upload" in query:
            state.say(missing.upload(literal(query["upload"][:LONGEST_TEXT])))
        if "threshold" in query:
            try:
                threshold = float(query["threshold"])
            except ValueError:
                threshold = -1.0
            if 0 <= threshold <= 1:
                state._wanted_threshold = threshold
            else:
                state.say(missing.threshold(literal(query["threshold"][:40])))
        return state

    def receive_uploads(self, files: Sequence[File], masks: Sequence[File]) -> None:
        """Takes over what the uploaders hold: a new image is to be opened, a new session file to be restored."""
        new = self.uploads.receive(files, masks)
        for label in (*new.images, *new.refused)[:1]:
            self._wanted.upload = label
        if new.session is not None:
            self.reopen_session(new.session, new.images)

    def reopen_session(self, session: SessionState, images: Mapping[str, str]) -> None:
        """Asks for the image, the weights, the threshold and the view of a session.

        Args:
            session: what its file says.
            images: label -> name of the images that came with it.
        """
        label = next((label for label, name in reversed([*images.items()]) if name == session.image), None)
        if label is None:
            self._wanted.image, self._wanted.asker = session.image, missing.SESSION
        else:
            self._wanted.upload = label
        if changed := changes(session.view):
            self.say(missing.whole_network(literal(changed)))
        self._wanted.weights = WantedWeights(session.weights.name, session.weights.sha256)
        self._wanted.other = None if session.view is None else session.view.other
        self._wanted_threshold, self.view = session.threshold, session.view
        self._step = None if session.view is None else session.view.lesson
        self.revision += 1

    def say(self, sentence: str) -> None:
        """Adds a message that is not there yet."""
        if sentence not in self.messages:
            self.messages.append(sentence)

    def choose(self) -> None:
        """The user chose something: messages about what could not be found are history."""
        self.messages = []

    # --- Weights ---

    def choose_weights(self, found: Mapping[str, Weights]) -> None:
        """Chooses what is wanted, or the first where what was chosen is gone.

        Args:
            found: label -> weights, at least one.
        """
        if self._wanted.weights and (label := self._find_weights(found, self._wanted.weights)):
            self.weights_box.value = label
        if self.weights_box.value not in found:
            self.weights_box.value = next(iter(found))
        other = self._wanted.other
        if other is not None and all(weights.name != other for weights in found.values()):
            self.say(missing.other_weights(literal(other[:LONGEST_TEXT])))

    def _find_weights(self, found: Mapping[str, Weights], wanted: WantedWeights) -> str | None:
        """The label of the wanted weights, those of the same tensors first."""
        named = [label for label, weights in found.items() if weights.name == wanted.name]
        same = [label for label, weights in found.items() if weights.card.sha256 == wanted.sha256]
        if same:
            return next((label for label in same if label in named), same[0])
        shown = literal(wanted.name[:LONGEST_TEXT])
        if not named:
            self.say(missing.weights(missing.LINK if wanted.sha256 is None else missing.SESSION, shown))
            return None
        if wanted.sha256 is not None:
            self.say(missing.same_weights(shown))
        return named[0]

    def use_weights(self, weights: Weights, key: WeightsKey, segmenter: Segmenter) -> None:
        """Works with weights from now on; others than before bring their own threshold.

        A run that trains on writes its weights anew; that alone does not move the user's threshold.
        """
        self.weights, self.weights_key, self.segmenter = weights, key, segmenter
        if self._brought != (weights.path, segmenter.threshold):
            self._brought = (weights.path, segmenter.threshold)
            self.move_threshold(segmenter.threshold)
        if self._wanted_threshold is not None:
            self.move_threshold(self._wanted_threshold)
            self._wanted_threshold = None

    # --- Images ---

    def choose_image(self, survey: Survey, stamp: object) -> None:
        """Lists the images, and chooses what is wanted, or the first where what was chosen is gone.

        Args:
            survey: the survey tiles; of those that are not offered, the ones that were opened are listed too.
            stamp: changes with them.
        """
        self.tiles = survey.tiles
        self.sources = dict(self.uploads.sources)
        for label in self.uploads.refused:
            self.sources[label] = ImageSource(key=("refused", label), open=partial(refuse, label))
        opened = (self._wanted.image or "", self.image_box.value)
        self._opened_tiles |= dict.fromkeys(label.removeprefix(TILE) for label in opened if label.startswith(TILE))
        for name in dict.fromkeys([*survey.offered, *self._opened_tiles]):
            if tile := self.tiles.get(name):
                label = free_label(TILE + name, self.sources)
                key = "tile", name, tile.part, stamp
                self.sources[label] = ImageSource(key=key, open=partial(images.open_tile, tile))
        for name in SAMPLES:
            self.sources[name] = ImageSource(key=("sample", name), open=partial(images.open_sample, name))
        if self._wanted.upload in self.sources:
            self.image_box.value = self._wanted.upload
        if self._wanted.image in self.sources:
            self.image_box.value = self._wanted.image
        elif self._wanted.image is not None:
            shown = literal(self._wanted.image[:LONGEST_TEXT])
            self.say(missing.image(self._wanted.asker, shown))
        if self.image_box.value not in self.sources:
            self.image_box.value = next(iter(self.sources))

    def open_image(self) -> None:
        """Opens the chosen image where it is not open yet, or says why there is none."""
        label = self.image_box.value
        if self._opened == (label, self.sources[label].key):
            return
        try:
            self.image, self.fault = self.sources[label].open(), ""
        except ImageError as error:  # refused before, or a survey tile in a damaged archive
            self.image, self.fault = None, self.uploads.refused.get(label) or literal(str(error))
        self._opened = label, self.sources[label].key

    def open_from_gallery(self, label: object) -> None:
        """The user clicked an image of the gallery: it is opened, and the explorer shows it."""
        if isinstance(label, str) and label in self.sources:
            self.image_box.value, self.leaving = label, True
            self.choose()

    def open_worst_tile(self, name: str, threshold: float, tta: bool) -> None:
        """The user clicked a survey tile of a report: the explorer shows it beside its truth, and what was scored.

        Args:
            name: of one in ``tiles``.
            threshold: the report's.
            tta: whether its scores are with flip TTA.
        """
        self._wanted.image, self.leaving = TILE + name, True
        self.view = msgspec.structs.replace(self.view or ViewState(), truth=True, tta=tta)
        self.move_threshold(threshold)
        self.choose()

    @property
    def link(self) -> dict[str, str | None]:
        """What a link says: the ``sample``, or the name of the ``upload``, which cannot travel; and the ``weights``."""
        label = self.image_box.value
        own = label in self.uploads.sources or label in self.uploads.refused
        names = {"sample": None, "upload": label} if own else {"sample": label, "upload": None}
        return {**names, "weights": self.weights.name}

    # --- Threshold and view ---

    def move_threshold(self, threshold: float) -> None:
        """Moves the threshold, which the viewer is to take over."""
        self.threshold = threshold
        self.revision += 1

    def take_request(self, content: object) -> None:
        """The viewer wants something of the network; ``content`` is what came out of the browser."""
        self.request = content
        self._hear(content)
        number = content.get("id") if isinstance(content, dict) else None
        self.heard = number if isinstance(number, int) and 0 <= number < LARGEST_NUMBER else None

    def follow_viewer(self, value: object) -> None:
        """The user let go of something in the viewer: threshold and view follow, and nothing moves.

        Args:
            value: what came out of the browser; what it cannot have sent is ignored.
        """
        self._hear(value)
        try:
            self.threshold, self.view = typed.convert(value, ViewerThreshold).threshold, typed.convert(value, ViewState)
        except ValueError:
            return
        if self.view.lesson != self._step:
            self._step = self.view.lesson
            self._wanted.image = lesson.sample_of(self._step)

    def wants_another_image(self) -> bool:
        """Whether the step of the lesson that the viewer came to is about another image than the open one."""
        return self._wanted.image in self.sources and self._wanted.image != self.image_box.value

    def _hear(self, content: object) -> None:
        if isinstance(content, dict):
            self._seen = content.get("drawn")

    def session(self) -> SessionState:
        """What a session file says of this session."""
        weights = WeightsName(self.weights.name, self.segmenter.card.sha256)
        image = self.image_box.value
        if self.image is None:  # a file that cannot be used is not in the session file
            image = next(label for label in self.sources if label not in self.uploads.refused)
        return SessionState(image=image, weights=weights, threshold=self.threshold, view=self.view)

    # --- Runs ---

    def show_page(self, path: str, widgets: Mapping[str | int, Any]) -> None:
        """Goes to a page; one that is opened anew builds a new viewer, which is to show what the one before showed.

        Args:
            path: of the page in the address.
            widgets: Streamlit's session state.
        """
        if path != self._page:
            self._page = path
            self.revision += 1
        self.drawn += 1
        self._seen = self.drawn
        self._widgets = self._beside_page(widgets)

    def has_changed_beside_page(self, widgets: Mapping[str | int, Any]) -> bool:
        """Whether the user did something beside a page since it was shown.

        Two changes at the same moment reach Streamlit as one, which then runs what the first of them belongs to; a part
        of a page that runs by itself has to see whether there was more.
        """
        return self._beside_page(widgets) != self._widgets

    def may_be_incomplete(self) -> bool:
        """Whether the browser may lack a part of the page, because the viewer spoke before it knew of the last drawing.

        When a part of a page is to run just as a run of the whole page ends, Streamlit forgets what it has not sent of
        that run yet: an image may be missing, or stay hidden.  So the whole page is then drawn again.
        """
        return self._seen != self.drawn

    def _beside_page(self, widgets: Mapping[str | int, Any]) -> tuple[object, ...]:
        files = [file.file_id for name in ("uploads", "masks") for file in widgets.get(name) or ()]
        boxes = widgets.get(self.image_box.key), widgets.get(self.weights_box.key)
        return (*boxes, *files, *self.uploads.choices.items(), self.uploads.join_twins)

    def end_run(self) -> None:
        """A run came to its end: what was wanted is shown."""
        self._wanted = Wanted()
