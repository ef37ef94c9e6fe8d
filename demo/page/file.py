"""The interactive page: the explorer with a few images in one HTML file that needs no server and no network.

It is made of the viewer of both front ends.  What the viewer asks of the network, view/page.js answers out of the
file.  Names come from users: they are text in it and never markup, and its content security policy lets no other script
run and nothing be fetched.
"""

import base64
import hashlib
import html
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from string import Template

from demo import bundle
from demo.detection import PROBABILITY_NOTE
from demo.page.answers import PageImage, PageNetwork, StoredImage, store
from demo.places import HERE
from demo.words import PAGE_SENTENCE, TITLE

MOST_IMAGES = 8
LARGEST_IMAGE = 3_000_000  # bytes that an image adds to a page

VIEW = Path(__file__).parent / "view"
REFUSAL = "This needs the network: open the image in the app (python -m unet demo)"
OFFLINE = "This file works without a network. The live app, which computes all else, is started by python -m unet demo."
LEGEND = (
    "Gold is what the network calls salt at the threshold. Compared with the truth, green is found, orange too much, "
    "blue missed. What needs the network says so."
)
SHORT = 12  # digits of a sha256 that a reader compares


def room(count: int) -> int:
    """How many bytes the images of a page with so many may take each: the rest is the viewer."""
    return LARGEST_IMAGE - (len((_script() + _style()).encode()) + 10_000) // count


def make_page(
    images: Sequence[PageImage],
    network: PageNetwork,
    threshold: float,
    left_out: Iterable[str] = (),
    advance: Callable[[], None] = lambda: None,
) -> bytes:
    """The file; the network is asked about one image after another.

    Args:
        images: at least one and at most ``MOST_IMAGES``, none of them a ``misfit``.
        network: the network.
        threshold: that the page starts with.
        left_out: what of the user's images is not in it, in sentences.
        advance: called after each image.
    """
    stored = []
    for number, image in enumerate(images, 1):
        link = str(number) if len(images) > 1 else None
        stored.append(store(image, network, link=link, threshold=threshold, room=room(len(images))))
        advance()
    return b"".join(_parts(stored, network, threshold, left_out))


def _parts(
    images: Sequence[StoredImage], network: PageNetwork, threshold: float, left_out: Iterable[str]
) -> list[bytes]:
    """The file, in parts."""
    stored = {"refusal": REFUSAL, "images": [_index(image) for image in images]}
    names = [image.name for image in images]
    head = Template((VIEW / "page.html").read_text(encoding="utf-8")).substitute(
        policy=f"script-src 'sha256-{_digest(_script())}'",
        title=html.escape(f"{names[0]} · {TITLE}" if len(names) == 1 else f"{len(names)} images · {TITLE}"),
        icon=base64.b64encode((HERE / "viewer" / "icon.svg").read_bytes()).decode("ascii"),
        style=_style(),
        name=TITLE,
        sentence=html.escape(PAGE_SENTENCE),
        one="hidden" if len(images) == 1 else "",
        options="".join(f"<option value={number}>{html.escape(name)}</option>" for number, name in enumerate(names, 1)),
        left_out="".join(f"<p>{html.escape(sentence)}</p>" for sentence in left_out),
        legend=html.escape(LEGEND),
        note=html.escape(PROBABILITY_NOTE),
        offline=html.escape(OFFLINE),
        facts="".join(
            f"<dt>{html.escape(term)}</dt><dd>{html.escape(fact)}</dd>"
            for term, fact in _facts(network, threshold).items()
        ),
        stored=_in_script(json.dumps(stored, ensure_ascii=False, separators=(",", ":"))),
    )
    parts = [head.encode()]
    for number, image in enumerate(images, 1):
        parts.append(f'<script type="application/octet-stream" id="image-{number}">'.encode())
        parts += [image.message, *(answer.text for answer in image.answers), b"</script>\n"]
    return [*parts, f'<script type="module">{_script()}</script>\n</body>\n</html>\n'.encode()]


def _index(image: StoredImage) -> dict[str, object]:
    """Where the texts of an image are among its characters."""
    return {
        "caption": image.caption,
        "window": image.window,
        "leftOut": image.left_out,
        "message": len(image.message.decode()),
        "answers": [answer.entry for answer in image.answers],
    }


def _facts(network: PageNetwork, threshold: float) -> Mapping[str, str]:
    weights, card = network.weights, network.segmenter.card
    return {
        "Weights": f"{weights.label} · sha256 {card.sha256[:SHORT]}",
        **({"Score": weights.claim} if weights.claim else {}),
        "Threshold": f"{threshold:.2f}; these weights were given {network.segmenter.threshold:.2f}",
        **({"Licence of the weights": card.licence} if card.licence else {}),
        "Made": datetime.now(UTC).date().isoformat(),
    }


def _in_script(text: str) -> str:
    """JSON for a script element, which nothing in it can end."""
    return text.replace("<", "\\u003c")


@cache
def _script() -> str:
    """The viewer and what answers it, as one module that starts them."""
    joined = bundle.joined([*bundle.SCRIPTS, *sorted(VIEW.glob("*.js"))]) + "\nopenPage();"
    return joined.replace("</script", r"<\/script")


@cache
def _style() -> str:
    """The colours of the app, the viewer's style, and that of the page."""
    theme = tomllib.loads((HERE / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    light, dark = (_colors(theme[scheme]) for scheme in ("light", "dark"))
    colors = f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"
    size = f"html {{ font-size: {theme['baseFontSize']}px; }}"
    return "\n".join([colors, size, bundle.style(), (VIEW / "page.css").read_text(encoding="utf-8")])


def _colors(scheme: Mapping[str, str]) -> str:
    """The names that the viewer knows, see viewer.css."""
    names = {"primary": "primaryColor", "background": "backgroundColor", "text": "textColor", "link": "linkColor"}
    return " ".join(f"--st-{name}-color: {scheme[key]};" for name, key in names.items())


def _digest(text: str) -> str:
    """The SHA-256 of a script as a content security policy names it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
