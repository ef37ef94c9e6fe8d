"""The synthetic sections: repeatable, of the promised form, and like survey tiles in what can be measured."""

import cv2
import numpy as np
import pytest

from unet.synthetic import section, sections


@pytest.fixture(scope="module")
def drawn():
    return sections(300)


def test_the_seed_names_the_section():
    images, masks = sections(3, first_seed=20, height=32, width=48)
    for index in range(3):
        image, mask = section(20 + index, height=32, width=48)
        np.testing.assert_array_equal(images[index], image)
        np.testing.assert_array_equal(masks[index], mask)
    assert not np.array_equal(images[0], images[1])
    assert sections(0)[0].shape == sections(0)[1].shape == (0, 101, 101)


@pytest.mark.parametrize("shape", [(16, 16), (16, 512), (512, 16), (101, 101), (64, 200), (512, 512)])
def test_any_size_from_16_up(shape):
    for image, mask in (section(seed, *shape) for seed in range(4)):
        assert (image.shape, image.dtype) == (shape, np.uint8)
        assert (mask.shape, mask.dtype) == (shape, np.bool_)
        assert image.std() > 2


def test_salt_and_greys_are_those_of_survey_tiles(drawn):
    coverage = drawn[1].mean(axis=(1, 2))
    # Bounds of four standard errors of 300 draws, round 0.39 without salt and a mean coverage of 0.25.
    assert 0.28 < (coverage == 0).mean() < 0.50
    assert 0.175 < coverage.mean() < 0.325
    assert coverage[coverage > 0].min() < 0.05
    assert coverage.max() > 0.9
    # Survey tiles: mean 0.47, standard deviation within a tile 0.11.
    assert 0.44 < (drawn[0] / 255).mean() < 0.51
    assert 0.09 < (drawn[0] / 255).std(axis=(1, 2)).mean() < 0.13
    assert ((drawn[0] == 0) | (drawn[0] == 255)).mean() < 0.01


def layering(image):
    """Coherence of the structure tensor: 1 where gradients nearby share a line, as beds do, 0 in chaos."""
    down, right = np.gradient(image.astype(np.float64))
    rows, columns, both = (cv2.GaussianBlur(p, (0, 0), 4) for p in (down**2, right**2, down * right))
    return np.hypot(rows - columns, 2 * both) / (rows + columns + 1e-6)


def test_beds_fill_the_sediment_and_not_the_salt(drawn):
    # Eight pixels off the edge, so that the reflector along it counts for neither side.
    brush = np.ones((17, 17), np.uint8)
    found = []
    for image, mask in zip(*drawn, strict=True):
        salt, sediment = (cv2.erode(side.astype(np.uint8), brush) > 0 for side in (mask, ~mask))
        if salt.sum() > 500 and sediment.sum() > 500:
            found.append([layering(image)[salt].mean(), layering(image)[sediment].mean()])
    assert len(found) > 80
    in_salt, in_sediment = np.transpose(found)
    assert np.mean(in_sediment > in_salt) > 0.95
    assert in_sediment.mean() > 0.75
    assert in_salt.mean() < 0.45


def test_the_mask_is_the_body_as_drawn(drawn):
    # The reflector is centred on the outline: pixels beside it lie further from their tile's mean grey.
    found = []
    for image, mask in zip(*drawn, strict=True):
        edge = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0
        if edge.sum() > 50:
            away = np.abs(image - image.mean())
            found.append([away[edge].mean(), away[~edge].mean()])
    at_edge, elsewhere = np.mean(found, axis=0)
    assert at_edge > 1.5 * elsewhere


@pytest.mark.parametrize(("height", "width"), [(15, 101), (101, 15), (0, 0), (-1, 101)])
def test_a_size_or_a_count_that_cannot_be_is_refused(height, width):
    for draw in (lambda: section(0, height, width), lambda: sections(1, 0, height, width)):
        with pytest.raises(ValueError, match=f"at least 16 x 16 pixels, got {height} x {width}"):
            draw()
    with pytest.raises(ValueError, match="zero or more sections, got -1"):
        sections(-1)
