"""The page Export: many images side by side, and everything that was found in them as files."""

import base64
import hashlib
from collections.abc import Callable
from typing import Literal

import streamlit as st

from demo import export, missing, session_file
from demo.cache import find_probability
from demo.detection import detect
from demo.gallery import Gallery, GalleryRow, OtherNetwork
from demo.images import SAMPLES, TILE, SeismicImage
from demo.limits import LARGEST_TOTAL
from demo.markdown import escaped, literal
from demo.page import MOST_IMAGES, PageImage, PageNetwork, make_page, misfit
from demo.places import HERE
from demo.state import PageState
from demo.view import ViewState
from demo.weights import WeightsError, find_weights, open_weights
from unet.image import Mask, Probability

GALLERY = HERE / "gallery_view"

state: PageState = st.session_state.page
show_gallery = st.components.v2.component(
    "salt_gallery",
    js=(GALLERY / "gallery.js").read_text(encoding="utf-8"),
    css=(GALLERY / "gallery.css").read_text(encoding="utf-8"),
)


def open_image() -> None:
    """An image of the gallery was clicked."""
    state.open_from_gallery(st.session_state.get("gallery", {}).get("open"))


def find_other(name: str) -> OtherNetwork | None:
    """The network of the second weights that were chosen in the explorer; what is wrong with them is said."""
    weights = next((weights for weights in find_weights() if weights.name == name), None)
    if weights is None:
        st.warning(missing.other_weights(literal(name)))
        return None
    try:
        key, segmenter = open_weights(weights)
    except WeightsError as error:
        st.warning(literal(str(error)))
        return None
    return OtherNetwork(name, segmenter, key)


def find_rows(threshold: float) -> dict[str, GalleryRow]:
    """What the gallery shows of every image, with a bar where the network is still at work."""
    rows = {label: gallery.cached_row(label, threshold) for label in gallery.sources}
    missing = [label for label, row in rows.items() if row is None]
    bar = st.empty()
    for number, label in enumerate(missing):
        bar.progress(number / len(missing), f"Looking for salt: image {number + 1} of {len(missing)}")
        rows[label] = gallery.row(label, threshold)
    bar.empty()
    return {label: row for label, row in rows.items() if row is not None}


def gallery_data(rows: dict[str, GalleryRow]) -> dict[str, object]:
    """What gallery.js needs; it draws anew only when the key changes."""
    opened, beside = state.image_box.value, None if other is None else other.name
    shown = [
        {"name": label, **row._asdict(), "thumbnail": base64.b64encode(row.thumbnail).decode("ascii")}
        for label, row in rows.items()
    ]
    key = hashlib.sha256(repr((opened, beside, shown)).encode()).hexdigest()
    return {"key": key, "open": opened, "other": beside, "rows": shown}


def offer(key: str, label: str, name: str, content: Callable[[], bytes], primary: bool = False) -> None:
    """A file that is made when it is asked for, not at every click; ``testids`` names its button by the key."""
    kind: Literal["primary", "secondary"] = "primary" if primary else "secondary"
    st.download_button(label, content, name, key=key, on_click="ignore", type=kind, icon=":material/download:")


def offer_page(key: str, labels: list[str], left_out: list[str], primary: bool = False) -> None:
    """A button for the interactive page with some images."""
    network = PageNetwork(state.weights, state.weights_key, state.segmenter)
    threshold, view, asked, opened = state.threshold, state.view, state.asked, state.image_box.value
    sources = {label: state.sources[label] for label in labels}

    def page_image(label: str) -> PageImage:
        image = sources[label].open()
        places = asked.requests(image, network.key)
        return PageImage(label, image, view if label == opened else None, places)

    def content() -> bytes:
        return make_page([page_image(label) for label in labels], network, threshold, left_out)

    name = f"{export.file_stems(labels)[0]}-explorer.html" if len(labels) == 1 else "salt-explorer.html"
    offer(key, "Interactive page (HTML)", name, content, primary)


def page_labels() -> tuple[list[str], list[str]]:
    """The images for the interactive page, the open one first, and what of the others is left out, in sentences."""
    opened = [] if state.image is None else [state.image_box.value]
    left_out, fitting = [], []
    for label in dict.fromkeys([*opened, *gallery.sources]):
        if fault := misfit(label, state.sources[label].pixels):
            left_out.append(fault)
        else:
            fitting.append(label)
    more = len(fitting) - MOST_IMAGES
    if more > 0:
        verb = "is" if more == 1 else "are"
        left_out.append(f"A page holds {MOST_IMAGES} images; {more} more {verb} left out.")
    return fitting[:MOST_IMAGES], left_out


def show_all() -> None:
    """All images as files."""
    threshold, session, names = state.threshold, state.session(), list(gallery.sources)
    left_out = [*gallery.left_out, *state.uploads.refused]
    st.subheader("All of them")
    with st.container(horizontal=True):
        offer(
            "export-zip",
            "Session (ZIP)",
            "salt-session.zip",
            lambda: session_file.pack(session, names, gallery.exported(), left_out),
            primary=True,
        )
        offer(
            "export-csv",
            "Results (CSV)",
            "salt-results.csv",
            lambda: export.gallery_csv(names, gallery.exported(), threshold),
        )
        labels, beyond = page_labels()
        if labels:
            offer_page("export-html", labels, beyond)
    st.caption(
        "The ZIP holds the images, truths, masks, overlays and probabilities (16-bit PNG and NPY), and the "
        "results with Kaggle's run-lengths. Dropped on *Your images* it opens this session again. The page is the "
        "explorer in one file that needs neither server nor network: the open image first, up to 3 MB each."
    )
    for sentence in beyond:
        st.caption(escaped(sentence))
    if tiles := [literal(label) for label in labels if label.startswith(TILE)]:
        st.caption(f"The page holds {', '.join(tiles)}; the competition's rules do not let you pass its tiles on.")


def show_open(image: SeismicImage) -> None:
    """The open image as files."""
    threshold = state.threshold

    def probability() -> Probability:
        return find_probability(image, state.segmenter, state.weights_key, view.tta)

    def mask() -> Mask:
        return detect(probability(), threshold).mask

    (stem,) = export.file_stems([image.name])
    st.subheader("The open image")
    st.text(image.name)
    with st.container(horizontal=True):
        offer("export-mask", "Mask (PNG)", f"{stem}-mask.png", lambda: export.mask_png(mask()))
        offer("export-overlay", "Overlay (PNG)", f"{stem}-overlay.png", lambda: export.overlay_png(image, mask()))
        offer(
            "export-probability",
            "Probability (16-bit PNG)",
            f"{stem}-probability.png",
            lambda: export.probability_png(probability()),
        )
        offer(
            "export-npy", "Probability (NPY)", f"{stem}-probability.npy", lambda: export.probability_npy(probability())
        )
        if not misfit(image.name, image.grey.size):
            offer_page("export-html-open", [state.image_box.value], [])


if state.leaving:
    state.leaving = False
    st.switch_page("views/explore.py")

st.header("Export")
view, uploads = state.view or ViewState(), state.uploads.sources
other = None if view.other is None else find_other(view.other)
images = uploads or {name: state.sources[name] for name in SAMPLES}
gallery = Gallery(images, state.segmenter, state.weights_key, tta=view.tta, other=other)
count = len(gallery.sources)
whose = f"your {count} images" if count > 1 else "your image"
shown = whose if uploads else f"no uploads, so these are the {count} samples"
tta = " · flip TTA" if view.tta else ""
st.text(f"{state.weights.name}{tta} · threshold {state.threshold:.2f} · {shown}")
for sentence in session_file.notes(state.session()):
    st.warning(escaped(sentence))
if gallery.left_out:
    left_out = ", ".join(literal(label) for label in gallery.left_out)
    expected = f"expected at most {LARGEST_TOTAL:,} pixels in all images together, got more"
    st.warning(f"{expected}; take some back in *Your images*, left out here are {left_out}")
left, right = st.columns(2, gap="large")
with left:
    show_all()
if state.image is not None:
    with right:
        show_open(state.image)

st.subheader("Side by side")
comparison = (
    "With a second network, chosen under Compare on *Explore*, they are sorted by disagreement too."
    if other is None
    else f"Disagreement is the share of the pixels that {literal(other.name)} calls differently at this threshold."
)
st.caption(
    "Gold is what the network calls salt at this threshold, and highest the highest probability anywhere in the image; "
    "a click opens it. IoU and mAP (the share of the IoU thresholds 0.50 to 0.95 that the IoU exceeds) need a truth: "
    f"without one, nothing here says how good a mask is. {comparison}"
)
show_gallery(key="gallery", data=gallery_data(find_rows(state.threshold)), on_open_change=open_image)
