"""The lesson: the link of every step, which both front ends and the viewer read.

What a step asks and how its answer is judged is in viewer/lesson/: the browser has what the network really does.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

# In the order of the steps, the first of which is ?lesson=1.  Without a threshold the card's holds.
LINKS = (
    "sample=Salt+stock&threshold=0.50&truth=1",
    "sample=Salt+stock&layer=encoder1&channel=1",
    "sample=Salt+stock&layer=bottleneck",
    "sample=Salt+stock",
    "sample=Salt+stock",
    "sample=Salt+stock",
    "sample=Small+lens&threshold=0.80&truth=1",
    "sample=Salt+stock",
)


def step_of(named: object) -> int | None:
    """The step that a link names as text, or the viewer as a whole number, from 1; None where there is no such step."""
    known = {name: step for step in range(1, len(LINKS) + 1) for name in (step, str(step))}
    return known.get(named) if isinstance(named, int | str) else None


def sample_of(step: object) -> str | None:
    """The sample that a step is about, or None where there is no such step."""
    number = step_of(step)
    return None if number is None else dict(parse_qsl(LINKS[number - 1]))["sample"]


def with_step(query: Mapping[str, str]) -> dict[str, str]:
    """A link together with what the step of the lesson that it names brings.

    The viewer's own links name a threshold, and say everything: nothing is added to those.

    Example:
        >>> with_step({"lesson": "7", "weights": "salt-unet-tiny"})["sample"]
        'Small lens'
    """
    step = step_of(query.get("lesson"))
    brought = dict(parse_qsl(LINKS[step - 1])) if step and "threshold" not in query else {}
    return {**brought, **query}
