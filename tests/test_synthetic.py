"""The synthetic sections: repeatable, of the promised form, and like survey tiles in what can be measured."""

import cv2
import numpy as np
import pytest

from unet.synthetic import section, sections


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    return sections(300)


def test_the_seed_names_the_section() -> None:
    image, mask = section(7)
    again, mask_again = section(7)
    np.testing.assert_array_equal(again, image)
    np.testing.assert_array_equal(mask_again, mask)
    assert not np.array_equal(section(8)[0], image)


def test_sections_are_the_sections_of_consecutive_seeds() -> None:
    images, masks = sections(3, first_seed=20, height=32, width=48)
    for index in range(3):
        image, mask = section(20 + index, height=32, width=48)
        np.testing.assert_array_equal(images[index], image)
        np.testing.assert_array_equal(masks[index], mask)


def test_no_sections_is_an_empty_stack() -> None:
    images, masks = sections(0)
    assert images.shape == masks.shape == (0, 101, 101)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (16, 512), (512, 16), (101, 101), (64, 200), (512, 512)])
def test_any_size_from_16_up(height: int, width: int) -> None:
    for seed in range(4):
        image, mask = section(seed, height, width)
        assert image.shape == mask.shape == (height, width)
        assert image.dtype == np.uint8
        assert mask.dtype == np.bool_
        assert image.std() > 2


def test_the_share_of_salt_is_that_of_survey_tiles(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    coverage = drawn[1].mean(axis=(1, 2))
    # Bounds of four standard errors of 300 draws, round 0.39 without salt and a mean coverage of 0.25.
    assert 0.28 < (coverage == 0).mean() < 0.50
    assert 0.175 < coverage.mean() < 0.325
    assert coverage[coverage > 0].min() < 0.05
    assert coverage.max() > 0.9


def test_greys_are_those_of_survey_tiles(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    grey = drawn[0] / 255
    within_tile = grey.std(axis=(1, 2))
    # Survey tiles: mean 0.47, standard deviation within a tile 0.11.
    assert 0.44 < grey.mean() < 0.51
    assert 0.09 < within_tile.mean() < 0.13
    assert ((drawn[0] == 0) | (drawn[0] == 255)).mean() < 0.01


def layering(image: np.ndarray) -> np.ndarray:
    """Coherence of the structure tensor: 1 where gradients nearby share a line, as beds do, 0 in chaos."""
    down, right = np.gradient(image.astype(np.float64))
    rows, columns, both = (cv2.GaussianBlur(p, (0, 0), 4) for p in (down**2, right**2, down * right))
    return np.hypot(rows - columns, 2 * both) / (rows + columns + 1e-6)


def test_beds_fill_the_sediment_and_not_the_salt(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    # Eight pixels off the edge, so that the reflector along it counts for neither side.
    brush = np.ones((17, 17), np.uint8)
    in_salt, in_sediment = [], []
    for image, mask in zip(*drawn, strict=True):
        salt = cv2.erode(mask.astype(np.uint8), brush) > 0
        sediment = cv2.erode((~mask).astype(np.uint8), brush) > 0
        if salt.sum() > 500 and sediment.sum() > 500:
            in_salt.append(layering(image)[salt].mean())
            in_sediment.append(layering(image)[sediment].mean())
    assert len(in_salt) > 80
    assert np.mean(np.greater(in_sediment, in_salt)) > 0.95
    assert np.mean(in_sediment) > 0.75
    assert np.mean(in_salt) < 0.45


def test_the_mask_is_the_body_as_drawn(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    # The reflector is centred on the outline: pixels beside it lie further from their tile's mean grey.
    at_edge, elsewhere = [], []
    for image, mask in zip(*drawn, strict=True):
        edge = np.zeros_like(mask)
        edge[1:] |= mask[1:] != mask[:-1]
        edge[:, 1:] |= mask[:, 1:] != mask[:, :-1]
        if edge.sum() > 50:
            away = np.abs(image - image.mean())
            at_edge.append(away[edge].mean())
            elsewhere.append(away[~edge].mean())
    assert np.mean(at_edge) > 1.5 * np.mean(elsewhere)


@pytest.mark.parametrize(("height", "width"), [(15, 101), (101, 15), (0, 0), (-1, 101)])
def test_too_small_a_size_is_refused_by_name(height: int, width: int) -> None:
    with pytest.raises(ValueError, match=f"at least 16 x 16 pixels, got {height} x {width}"):
        section(0, height, width)
    with pytest.raises(ValueError, match="at least 16"):
        sections(1, height=height, width=width)


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="zero or more sections, got -1"):
        sections(-1)
