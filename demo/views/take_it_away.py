"""Page 2: many images at once, and everything that was found in them as files."""

import base64
import hashlib
from collections.abc import Callable
from functools import partial

import streamlit as st

from demo import core, session
from unet.segmenter import Mask, Probability

STRIP = core.HERE / "strip"
SHELF = 128_000_000  # bytes of probabilities and thumbnails, for all visitors together

state = st.session_state
strip = st.components.v2.component(
    "salt_strip",
    js=(STRIP / "strip.js").read_text(encoding="utf-8"),
    css=(STRIP / "strip.css").read_text(encoding="utf-8"),
)


@st.cache_resource
def byte_cache() -> session.ByteCache:
    """What was computed, kept by its content: nobody gets what was made of another image than theirs."""
    return session.ByteCache(SHELF)


def open_image() -> None:
    """An image of the strip was clicked: it is opened, and then this page makes way."""
    label = state.get("strip", {}).get("open")
    if isinstance(label, str) and label in state.choices:
        state.image, state.leaving, state.said = label, True, []


def find_rows(gallery: session.Gallery, threshold: float) -> dict[str, session.GalleryRow]:
    """What the strip shows of every image, with a bar where the network is still at work."""
    rows = {label: gallery.known_row(label, threshold) for label in gallery.sources}
    missing = [label for label, row in rows.items() if row is None]
    if missing:
        bar = st.progress(0.0)
        for number, label in enumerate(missing):
            bar.progress(number / len(missing), f"Looking for salt: image {number + 1} of {len(missing)}")
            rows[label] = gallery.row(label, threshold)
        bar.empty()
    return rows


def strip_data(rows: dict[str, session.GalleryRow]) -> dict[str, object]:
    """What strip.js needs; it draws anew only when the key changes."""
    shown = [
        {
            "name": label,
            "share": row.share,
            "highest": row.highest,
            "iou": row.iou,
            "competition": row.competition,
            "thumbnail": base64.b64encode(row.thumbnail).decode("ascii"),
        }
        for label, row in rows.items()
    ]
    key = hashlib.sha256(repr((state.image, shown)).encode()).hexdigest()
    return {"key": key, "open": state.image, "rows": shown}


def describe() -> session.State:
    """This session without its images."""
    try:
        view = None if state.view is None else session.read_view(state.view)
    except session.SessionError:  # it came out of a browser
        view = None
    return session.State(state.image, state.weights_name, state.segmenter.card.sha256, state.threshold, view)


def offer(label: str, name: str, content: Callable[[], bytes], strong: bool = False) -> None:
    """A file that is made when it is asked for, not at every click."""
    kind = "primary" if strong else "secondary"
    st.download_button(label, content, name, on_click="ignore", type=kind, icon=":material/download:")


def show_downloads(gallery: session.Gallery, opened: core.SeismicImage, threshold: float) -> None:
    """All images as files, and the open one."""

    def probability() -> Probability:
        return gallery.probability(opened)

    def mask() -> Mask:
        return core.find(probability(), threshold).mask

    (stem,) = session.stems([opened.name])
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("All of them")
        with st.container(horizontal=True):
            offer("Session (ZIP)", "salt-session.zip", partial(gallery.zip, describe()), strong=True)
            offer("Results (CSV)", "salt-results.csv", partial(gallery.results, threshold))
        st.caption(
            "The ZIP holds the images, truths, masks, overlays and probabilities (16-bit PNG and NPY), and the "
            "results with Kaggle's run-lengths. Dropped on *Your images* it opens this session again."
        )
    with right:
        st.subheader("The open image")
        st.text(opened.name)
        with st.container(horizontal=True):
            offer("Mask (PNG)", f"{stem}-mask.png", lambda: core.mask_png(mask()))
            offer("Overlay (PNG)", f"{stem}-overlay.png", lambda: core.overlay_png(opened, mask()))
            offer("Probability (16-bit PNG)", f"{stem}-probability.png", lambda: core.probability_png(probability()))
            offer("Probability (NPY)", f"{stem}-probability.npy", lambda: core.probability_npy(probability()))


if state.pop("leaving", False):
    st.switch_page("views/explore.py")

uploads = state.uploads_open
chosen = {label: state.choices[label] for label in uploads or core.SAMPLES}
gallery = session.Gallery(chosen, state.segmenter, state.weights, byte_cache())
count = len(gallery.sources)

st.header("Take it away")
whose = f"your {count} images" if count > 1 else "your image"
st.text(f"threshold {state.threshold:.2f} · {whose if uploads else f'no uploads, so these are the {count} samples'}")
if gallery.left_out:
    names = ", ".join(core.literal(label) for label in gallery.left_out)
    st.warning(f"All images together have more than {session.LARGEST_TOTAL:,} pixels; left out here: {names}")
show_downloads(gallery, state.opened, state.threshold)

st.subheader("One beside the other")
st.caption(
    "Orange is what the network calls salt at this threshold; a click opens the image. IoU and the competition's "
    "score need a truth: without one, nothing here says how good a mask is."
)
strip(key="strip", data=strip_data(find_rows(gallery, state.threshold)), on_open_change=open_image)
