import cv2
import numpy as np
import pytest

from unet import Segmenter
from unet.colour import DIVERGING, tables, unmapped
from unet.image import UNKNOWN_COLOURS, grey, read
from unet.synthetic import section

IMAGE, SALT = section(2_000_000_014, 101, 101)
SIGNAL = (IMAGE - np.median(IMAGE)) / np.abs(IMAGE - np.median(IMAGE)).max()  # -1 to 1, 0 in the middle

# Colours that matplotlib 3.11 gives at 0, 64, 128, 192 and 255 of 255, times 255 and rounded.
MATPLOTLIB = {
    "bwr": [(0, 0, 255), (128, 128, 255), (255, 254, 254), (255, 126, 126), (255, 0, 0)],
    "seismic": [(0, 0, 76), (1, 1, 255), (255, 253, 253), (254, 0, 0), (128, 0, 0)],
    "RdBu": [(103, 0, 31), (229, 131, 104), (246, 247, 247), (104, 171, 208), (5, 48, 97)],
    "RdGy": [(103, 0, 31), (229, 131, 104), (254, 254, 254), (160, 160, 160), (26, 26, 26)],
    "RdYlBu": [(165, 0, 38), (249, 142, 82), (254, 255, 192), (142, 194, 220), (49, 54, 149)],
    "PuOr": [(127, 59, 8), (239, 158, 60), (246, 246, 247), (152, 141, 190), (45, 0, 75)],
    "coolwarm": [(59, 76, 192), (141, 176, 254), (221, 220, 220), (244, 152, 122), (180, 4, 38)],
    "jet of matplotlib": [(0, 0, 128), (0, 128, 255), (125, 255, 122), (255, 148, 0), (128, 0, 0)],
    "viridis": [(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)],
    "turbo": [(48, 18, 59), (40, 188, 235), (164, 252, 60), (251, 126, 33), (122, 4, 3)],
}


def test_the_tables_are_matplotlibs_and_opencvs_jet_is_its_own():
    for name, colours in MATPLOTLIB.items():
        assert np.abs(tables()[name][[0, 64, 128, 192, 255]].astype(int) - colours).max() <= 1
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    np.testing.assert_array_equal(tables()["jet"], cv2.applyColorMap(ramp, cv2.COLORMAP_JET)[:, 0, ::-1])


@pytest.mark.parametrize("name", sorted(tables()))
def test_a_section_in_colours_is_the_section_again(name):
    coloured = tables()[name][IMAGE]
    values, found = unmapped(coloured)
    assert found == name
    np.testing.assert_allclose(values * 255, IMAGE, atol=4)  # a map may have one colour at several places
    assert "colour" in read(coloured).notes[0]


@pytest.mark.parametrize("name", sorted(DIVERGING))
@pytest.mark.parametrize("end", [1, -1])
@pytest.mark.parametrize(
    "change",
    [
        lambda signal: 0.5 + 0.15 * signal,  # one strong sample set the limits
        lambda signal: 0.5 + 0.06 * signal,
        lambda signal: 0.5 + 2 * signal,
        lambda signal: 0.3 + 0.7 * signal,  # white is not at amplitude 0
        lambda signal: np.rint(6 * (0.5 + signal)) / 6,
        lambda signal: np.rint(4 * (0.5 + signal)) / 4,
    ],
)
def test_peaks_and_troughs_stay_apart_however_a_map_is_used(name, end, change):
    places = np.rint(255 * np.clip(change(SIGNAL), 0, 1)).astype(np.uint8)
    values, found = unmapped(tables()[name][::end][places])
    assert found == name
    np.testing.assert_allclose(values * 255, places if end == 1 else 255 - places, atol=4)


@pytest.mark.parametrize("name", ["bwr", "seismic", "RdBu", "coolwarm", "RdYlBu", "jet of matplotlib"])
def test_a_jpeg_of_colours_is_near_the_section(name):
    coloured = tables()[name][cv2.resize(IMAGE, (303, 303), interpolation=cv2.INTER_CUBIC)]
    _, content = cv2.imencode(".jpg", coloured[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    values, found = unmapped(cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1])
    assert found == name
    assert np.abs(cv2.resize(values, (101, 101), interpolation=cv2.INTER_AREA) * 255 - IMAGE).mean() < 6


def test_the_network_finds_the_same_salt_in_colours():
    segmenter = Segmenter.load()
    for name in ("seismic", "RdBu", "viridis"):  # the lightness of viridis does not rise everywhere
        assert (segmenter.mask(tables()[name][IMAGE]) != segmenter.mask(IMAGE)).sum() <= 20


def test_other_colours_are_told_and_grey_is_left_alone():
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    assert unmapped(noise) == (None, "unknown")
    assert UNKNOWN_COLOURS in read(noise).notes
    lines = np.repeat(IMAGE[..., None], 3, axis=2)
    lines[:, 50] = 255, 0, 0  # somebody drew a fault
    assert unmapped(lines) == (None, "")
    scanned = np.clip(lines + np.random.default_rng(0).normal(0, 5, lines.shape), 0, 255).astype(np.uint8)
    assert unmapped(scanned) == (None, "")
    labels = tables()["bwr"][np.digitize(IMAGE, [90, 160]) * 127]  # blue, white and red
    assert unmapped(labels) == (None, "unknown")
    red = np.zeros((60, 60, 3), np.uint8)
    red[..., 0] = 255 - IMAGE[:60, :60] % 3
    assert unmapped(red) == (None, "unknown")  # though all of it lies on bwr


def test_other_types_of_numbers_have_the_same_colours():
    coloured = tables()["seismic"][IMAGE]
    for other in (coloured / 255, coloured.astype(np.uint16) * 257, np.dstack([coloured, IMAGE])):
        np.testing.assert_array_equal(grey(other), grey(coloured))
