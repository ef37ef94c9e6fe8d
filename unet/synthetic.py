"""Synthetic seismic sections whose salt is known: for a first training, the tests and the demo's samples.

The method is the convolutional model: a seismic section is the earth's reflectivity seen through a wavelet.

1. Geometry. A salt body is the part of the image where a field of heights is above a level. The field's
   shape makes it a dome, a flank, a stock, a sheet, a pair of bodies round a basin, or the salt above a base;
   the level is the quantile that gives the share of salt drawn for this section, so slivers and nearly full
   tiles are drawn as often as in surveys, and bodies are cut by the tile's edge as they are in survey tiles.
2. Layers. Each pixel gets a stratigraphic depth: its row, turned by a regional dip, folded, shifted by
   faults, and dragged along beside the salt, which pulls its neighbours up as it rises.
3. Reflectivity. Beds of random thickness get random reflection coefficients, which vary along each bed.
4. Wavelet. A Ricker wavelet of one dominant period is convolved down the depth axis. The result is read at
   each pixel's depth, so the wavelet stands across the bed, as it does in a migrated section.
5. Salt. Inside, the beds are gone: a weak, blotchy or streaky texture is left. The edge is a reflector with
   the same wavelet, centred on the mask's outline, strong because salt is far faster than sediment.
6. Recording. Band-limited noise, speckle, then a random gain and offset into eight bits.

Lengths are in pixels where the image's resolution sets them (wavelet, beds, noise) and in shares of the
image where the geology does (folds, bodies). Ranges were set by eye and by grey statistics against TGS
survey tiles of 101 x 101: mean grey 0.47, deviation within a tile 0.11, salt in about three tiles of five.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SMALLEST = 16  # below this neither a bed nor a salt edge fits its wavelet
EMPTY_SHARE = 0.39  # as in survey tiles
COVERAGE = (0.65, 0.95)  # beta distribution: mean 0.41 where there is salt, slivers and full tiles common
PERIODS = (5.0, 20.0)  # dominant period in pixels, log-uniform: from fine beds to broad ones
BODIES = ("dome", "flank", "flank", "stock", "sheet", "basin", "base")  # a tile mostly cuts a flank


def section(seed: int, height: int = 101, width: int = 101) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Draws one section and its salt.

    Args:
        seed: the same seed and size give the same bytes.
        height: rows, at least 16.
        width: columns, at least 16.

    Returns:
        The image, (height, width) uint8, and its mask of the same shape, True where there is salt.

    Raises:
        ValueError: height or width is below 16.

    Example:
        >>> image, mask = section(seed=1)
        >>> image.shape, image.dtype.name, mask.shape, mask.dtype.name
        ((101, 101), 'uint8', (101, 101), 'bool')
    """
    _check_size(height, width)
    rng = np.random.default_rng(seed)
    shape = (height, width)
    kind = "none" if rng.random() < EMPTY_SHARE else str(rng.choice(BODIES))
    period = float(np.exp(rng.uniform(*np.log(PERIODS))))

    mask, distance = _salt(rng, shape, kind)
    depth, along = _layers(rng, shape, period, distance, pull=-1.0 if kind == "base" else 1.0)
    image = _sediment(rng, depth, along, period)
    if kind != "none":
        image = _with_salt(rng, image, distance, period)
    return _record(rng, image, period), mask


def sections(
    count: int, first_seed: int = 0, height: int = 101, width: int = 101
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Draws the sections of the seeds ``first_seed``, ``first_seed + 1`` and so on.

    Args:
        count: how many, zero or more.
        first_seed: the seed of the first section.
        height: rows, at least 16.
        width: columns, at least 16.

    Returns:
        The images, (count, height, width) uint8, and their masks, the same shape, bool.

    Raises:
        ValueError: the count is negative, or height or width is below 16.
    """
    if count < 0:
        raise ValueError(f"expected a count of zero or more sections, got {count}")
    _check_size(height, width)
    images = np.empty((count, height, width), np.uint8)
    masks = np.empty((count, height, width), np.bool_)
    for index in range(count):
        images[index], masks[index] = section(first_seed + index, height, width)
    return images, masks


def _check_size(height: int, width: int) -> None:
    if height < SMALLEST or width < SMALLEST:
        raise ValueError(
            f"expected a section of at least {SMALLEST} x {SMALLEST} pixels, got {height} x {width}; "
            "ask for a larger height and width"
        )


def _smooth(rng: np.random.Generator, shape: tuple[int, int], rows: float, columns: float) -> Floats:
    """A random field of about unit deviation whose features are ``rows`` by ``columns`` pixels large."""
    # A coarse grid enlarged costs far less than a wide blur. A cell more on each side is cropped off again,
    # because the enlargement goes flat there.
    coarse = (int(np.ceil(shape[0] / rows)) + 2, int(np.ceil(shape[1] / columns)) + 2)
    grid = rng.standard_normal(coarse, dtype=np.float32)
    full = (int(coarse[1] * columns), int(coarse[0] * rows))
    field = cv2.resize(grid, full, interpolation=cv2.INTER_CUBIC)
    top, left = (full[1] - shape[0]) // 2, (full[0] - shape[1]) // 2
    return np.asarray(field[top : top + shape[0], left : left + shape[1]] * np.float32(1.3), np.float32)


def _grid(shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """Row and column of every pixel, measured from the image's middle."""
    rows = np.arange(shape[0], dtype=np.float32) - (shape[0] - 1) / 2
    columns = np.arange(shape[1], dtype=np.float32) - (shape[1] - 1) / 2
    return (
        np.broadcast_to(rows[:, None], shape).astype(np.float32),
        np.broadcast_to(columns[None, :], shape).astype(np.float32),
    )


def _salt(rng: np.random.Generator, shape: tuple[int, int], kind: str) -> tuple[NDArray[np.bool_], Floats]:
    """The salt's mask and the distance to its edge in pixels, positive inside; for "none", far outside."""
    size = float(np.mean(shape))
    if kind == "none":
        return np.zeros(shape, np.bool_), np.full(shape, -10 * size, np.float32)
    rows, columns = _grid(shape)
    lean = {
        "dome": rng.uniform(-0.5, 0.5),
        "flank": rng.choice((-1, 1)) * rng.uniform(0.6, 1.6),
        "base": np.pi + rng.uniform(-0.6, 0.6),
        "sheet": rng.uniform(-0.6, 0.6),
    }.get(kind, rng.uniform(-0.35, 0.35))
    down = rows * np.float32(np.cos(lean)) + columns * np.float32(np.sin(lean))
    across = columns * np.float32(np.cos(lean)) - rows * np.float32(np.sin(lean))
    across = across - np.float32(rng.uniform(-0.35, 0.35) * size)

    if kind in ("dome", "base"):
        # A base is a dome upside down: a keel of salt hanging into a basin.
        field = down - np.float32(rng.uniform(-0.3, 1.5) / size) * across**2
    elif kind == "flank":
        field = down - np.float32(rng.uniform(-0.6, 0.6) / size) * across**2
    elif kind == "stock":
        # A finger with a rounded cap: near to a line that runs down from a point.
        tip = np.float32(rng.uniform(-0.3, 0.4) * size)
        field = -np.hypot(across, np.minimum(down - tip, 0))
    elif kind == "sheet":
        # Thinning out sideways: a tongue of salt between beds.
        middle = np.float32(rng.uniform(-0.35, 0.35) * size)
        field = -np.abs(down - middle) - np.float32(0.15) * np.abs(across)
    else:
        # Two bodies with a basin between them that narrows downwards or upwards.
        field = np.abs(across) + np.float32(rng.uniform(-0.6, 0.4)) * down
    wide, fine = 0.35 * size, max(4.0, 0.09 * size)
    field = field + np.float32(rng.uniform(0.0, 0.07) * size) * _smooth(rng, shape, wide, wide)
    field = field + np.float32(rng.uniform(0.0, 0.012) * size) * _smooth(rng, shape, fine, fine)

    share = float(np.clip(rng.beta(*COVERAGE), 0.006, 0.99))
    rank = min(int((1 - share) * field.size), field.size - 1)
    level = np.partition(field, rank, axis=None)[rank]
    mask: NDArray[np.bool_] = field >= level
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    # The pixels either side of the outline are both 1 from the other side: half a pixel from the outline.
    distance = np.where(mask, inside - np.float32(0.5), np.float32(0.5) - outside)
    return mask, distance.astype(np.float32)


def _layers(
    rng: np.random.Generator, shape: tuple[int, int], period: float, distance: Floats, pull: float
) -> tuple[Floats, Floats]:
    """Each pixel's depth across the beds and its place along them, both in pixels."""
    size = float(np.mean(shape))
    rows, columns = _grid(shape)
    dip = float(np.clip(rng.normal(0.0, 0.45), -1.2, 1.2))
    depth = rows * np.float32(np.cos(dip)) + columns * np.float32(np.sin(dip))
    along = columns * np.float32(np.cos(dip)) - rows * np.float32(np.sin(dip))

    # Folds are several times wider than high; a second, smaller set keeps the beds from running parallel.
    depth = depth + np.float32(rng.uniform(0.0, 0.1) * size) * _smooth(rng, shape, 0.9 * size, 0.5 * size)
    depth = depth + np.float32(rng.uniform(0.0, 0.012) * size) * _smooth(rng, shape, 0.3 * size, 0.15 * size)

    # Dragged beds leave the salt at up to 50 degrees: amplitude over reach is the slope at the edge.
    reach = rng.uniform(0.12, 0.4) * size
    drag = pull * rng.uniform(0.0, 1.2) * reach
    near = cv2.GaussianBlur(np.maximum(-distance, 0), (0, 0), 2.0)
    depth = depth + np.float32(drag) * np.exp(near * np.float32(-1 / reach))

    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        steep = rng.choice((-1, 1)) * rng.uniform(0.9, 1.4)
        side = columns * np.float32(np.sin(steep)) - rows * np.float32(np.cos(steep))
        plane = columns * np.float32(np.cos(steep)) + rows * np.float32(np.sin(steep))
        side = side - np.float32(rng.uniform(-0.45, 0.45) * size)
        throw = rng.choice((-1, 1)) * rng.uniform(0.2, 0.9) * period
        # The throw grows or dies out along the plane; the break is as sharp as the wavelet can show.
        growth = 1 + np.float32(rng.uniform(-0.8, 0.8) / size) * plane
        depth = depth + np.float32(throw) * growth * (0.5 + 0.5 * np.tanh(side / np.float32(0.25 * period)))
    return depth.astype(np.float32), along.astype(np.float32)


def _ricker(lengths: Floats, period: float) -> Floats:
    """Ricker wavelet of the given dominant period at these distances from its centre; 1 in the middle."""
    squared = (np.pi * lengths / np.float32(period)) ** 2
    return np.asarray((1 - 2 * squared) * np.exp(-squared), np.float32)


def _sediment(rng: np.random.Generator, depth: Floats, along: Floats, period: float) -> Floats:
    """Beds at the given depths, seen through the wavelet; about unit deviation."""
    margin = 3
    first_depth, first_along = float(depth.min()) - margin, float(along.min()) - margin
    shape = (int(depth.max() - first_depth) + 2 * margin, int(along.max() - first_along) + 2 * margin)

    # Beds half a period thick on average interfere as real ones do: some reflectors stand out, some cancel.
    thickness = rng.gamma(1.5, period * rng.uniform(0.2, 0.5), size=shape[0])
    tops = np.cumsum(np.maximum(thickness, 1.0))
    coefficients = rng.laplace(size=shape[0]).astype(np.float32)
    reflectivity = np.zeros(shape[0], np.float32)
    visible = tops < shape[0]
    reflectivity[tops[visible].astype(np.intp)] = coefficients[visible]
    reflectivity /= np.sqrt(np.mean(reflectivity**2)) + np.float32(1e-6)

    # Beds change along their length, and thin lenses too small to follow lie between them.
    change = 1 + np.float32(rng.uniform(0.1, 0.7)) * _smooth(rng, shape, 1.5 * period, 35.0)
    lenses = _smooth(rng, shape, max(1.5, 0.2 * period), max(6.0, 1.5 * period))
    earth = reflectivity[:, None] * change + np.float32(rng.uniform(0.1, 0.8)) * lenses

    half = int(np.ceil(period))
    wavelet = _ricker(np.arange(-half, half + 1, dtype=np.float32), period)
    seen = cv2.sepFilter2D(earth, cv2.CV_32F, np.ones(1, np.float32), wavelet)
    beds = cv2.remap(seen, along - np.float32(first_along), depth - np.float32(first_depth), cv2.INTER_CUBIC)
    return np.asarray(beds / (beds.std() + np.float32(1e-6)), np.float32)


def _with_salt(rng: np.random.Generator, sediment: Floats, distance: Floats, period: float) -> Floats:
    """The sediment with the salt's texture in its place and a reflector along its edge."""
    shape = (sediment.shape[0], sediment.shape[1])
    grain = rng.uniform(2.0, 7.0)
    stretch = rng.uniform(1.0, 4.0)  # migration leaves steep streaks in salt, never level beds
    texture = _smooth(rng, shape, grain * stretch, grain)
    texture = texture * np.float32(np.exp(rng.uniform(np.log(0.04), np.log(0.35))))
    texture = texture + np.float32(rng.normal(0.0, 0.12))  # a level of its own: salt is lighter or darker

    # The edge fades over about a pixel, and its middle is the mask's outline.
    inside = 0.5 + 0.5 * np.tanh(distance / np.float32(0.8))
    # The reflector is bright here and dim there along the edge; it seldom dies altogether.
    strength = np.clip(0.8 + np.float32(0.4) * _smooth(rng, shape, 25.0, 25.0), 0.15, 1.6)
    polarity = 1.0 if rng.random() < 0.75 else -1.0
    edge = np.float32(polarity * rng.uniform(0.8, 3.5)) * strength * _ricker(distance, period)
    return np.asarray(sediment * (1 - inside) + texture * inside + edge, np.float32)


def _record(rng: np.random.Generator, image: Floats, period: float) -> NDArray[np.uint8]:
    """Noise, gain and offset: the image in eight bits."""
    shape = (image.shape[0], image.shape[1])
    # Noise is limited to the wavelet's own band, so broad beds come with coarse noise; most tiles are clean.
    grain = max(1.2, period * rng.uniform(0.12, 0.35))
    level = np.exp(rng.uniform(np.log(0.02), np.log(0.55)))
    noisy = image + np.float32(level) * _smooth(rng, shape, grain, grain * rng.uniform(1.0, 2.0))
    speckle = np.float32(rng.uniform(0.0, 0.06))
    noisy = noisy + speckle * rng.standard_normal(shape, dtype=np.float32)

    # Each tile is scaled by its own contrast, but quiet ones (nearly all salt) only up to a point.
    contrast = rng.uniform(0.06, 0.165) / max(float(noisy.std()), 0.5)
    offset = np.clip(rng.normal(0.475, 0.085), 0.25, 0.7)
    grey = np.float32(offset) + np.float32(contrast) * (noisy - noisy.mean())
    return np.asarray(np.clip(np.rint(grey * 255), 0, 255), np.uint8)
