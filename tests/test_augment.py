"""Augmentation against OpenCV's warp and answers worked by hand; variations of surveys one property at a time."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from unet.data.augment import augment, draw_variants, warp
from unet.data.survey import RECTANGLES, TAPS, SurveyVariants, vary, wavelet_filters
from unet.image import Padding, normalise

SIZE, PADDING = (101, 101), Padding.to_multiple(101, 101, 16)
IMAGE = np.random.default_rng(0).integers(0, 256, SIZE, dtype=np.uint8)
MASK = cv2.circle(np.zeros(SIZE, np.uint8), (40, 60), 25, 1, -1).astype(bool)
TARGET = MASK.astype(np.uint8) * 255
SHIFT = np.array([[1.0, 0.0, -PADDING.left], [0.0, 1.0, -PADDING.top]], np.float32)
FLIP = np.array([[-1.0, 0.0, 100 + PADDING.left], [0.0, 1.0, -PADDING.top]], np.float32)


def batch(*arrays):
    """Arrays of one tile as a batch of one."""
    return tuple(torch.from_numpy(array)[None] for array in arrays)


def drawn(count, survey_share=0.0, padding=PADDING, seed=0, **process):
    """The variants of one batch."""
    return draw_variants((1, count), survey_share, SIZE, padding, np.random.default_rng(seed), **process)[0]


def test_no_change_gives_exactly_what_prediction_gives():
    """Training and prediction must pad and normalise alike."""
    unchanged = replace(drawn(1), affine=batch(SHIFT)[0], contrast=torch.ones(1), brightness=torch.zeros(1))
    x, y = augment(*batch(IMAGE, TARGET), PADDING, unchanged)
    assert (x.dtype, x.shape, y.shape) == (torch.float32, (1, 1, 112, 112), (1, 1, 112, 112))
    np.testing.assert_allclose(x[0, 0], normalise(PADDING.pad(IMAGE.astype(np.float32) / 255)), atol=1e-4)
    np.testing.assert_allclose(PADDING.crop(y[0, 0].numpy()), MASK, atol=1e-4)


@pytest.mark.parametrize(
    ("affine", "contrast", "brightness", "grey", "mask"),
    [
        (FLIP, 1, 0, IMAGE[:, ::-1] / 255, MASK[:, ::-1]),
        (SHIFT, 0.5, 0.1, (IMAGE / 255 - 0.5) * 0.5 + 0.6, MASK),
        (SHIFT, 1, 0.5, np.minimum(IMAGE / 255 + 0.5, 1), MASK),
    ],
)
def test_the_mask_follows_the_image_and_keeps_its_values(affine, contrast, brightness, grey, mask):
    values = {"contrast": torch.tensor([contrast]), "brightness": torch.tensor([brightness])}
    x, y = augment(*batch(IMAGE, TARGET), PADDING, replace(drawn(1), affine=batch(affine)[0], **values))
    np.testing.assert_allclose(PADDING.crop(x[0, 0].numpy()), normalise(grey.astype(np.float32)), atol=1e-4)
    np.testing.assert_allclose(PADDING.crop(y[0, 0].numpy()), mask, atol=1e-4)


@pytest.mark.parametrize("padding", [PADDING, Padding.to_multiple(73, 73, 16)])
def test_a_batch_is_warped_as_opencv_warps_its_tiles(padding):
    affine = drawn(32, survey_share=0.5, padding=padding).affine
    images = torch.from_numpy(np.stack([np.roll(IMAGE, 3 * i, axis=1) for i in range(32)]))
    targets = torch.from_numpy(np.stack([TARGET] * 32))
    size, flags = (padding.padded_width, padding.padded_height), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for found, tiles in zip(warp(images, targets, padding, affine), (images, targets), strict=True):
        for one, tile, matrix in zip(found.numpy(), tiles.numpy(), affine.double().numpy(), strict=True):
            values = tile.astype(np.float32) / 255
            expected = cv2.warpAffine(values, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101)
            # OpenCV may round coordinates to 1/32 of a pixel, and no two pixels differ by more than 1.
            assert np.abs(one - expected).max() < 0.07
            assert np.abs(one - expected).mean() < 0.01


def test_variants_stay_within_their_ranges():
    variants = drawn(500)
    at_centre = variants.affine @ torch.tensor([55.0, 55.0, 1.0])
    assert (at_centre - 50).abs().max() <= 0.12 * 101
    zoom = torch.linalg.det(variants.affine[:, :, :2]).abs()
    assert 0.6 < zoom.min() < 0.7
    assert 1.5 < zoom.max() < 1.7  # 1.25 either way
    assert 0.79 < variants.contrast.min() < variants.contrast.max() < 1.26
    assert -0.1 < variants.brightness.min() < variants.brightness.max() < 0.1
    flipped = (torch.linalg.det(variants.affine[:, :, :2]) < 0).float().mean()
    assert 0.4 < flipped < 0.6
    stretched = drawn(500, survey_share=1).affine[:, :, :2]
    along, down = (stretched[:, axis].norm(dim=-1) for axis in (0, 1))
    for factors in (along, down, along / down):
        assert factors.max() > 1.6
        assert factors.min() < 0.6


def test_a_tile_comes_out_smaller_and_in_the_same_place():
    small = Padding.to_multiple(50, 50, 10)
    blob = cv2.circle(np.zeros(SIZE, np.uint8), (50, 50), 20, 255, -1)
    affine = drawn(200, padding=small).affine.mean(dim=0)  # flips cancel out, and shifts do
    assert abs(affine[1, 1] - 101 / 50) < 0.1
    straight = torch.tensor([[101 / 50, 0, 0.51], [0, 101 / 50, 0.51]])[None]
    _, target = warp(*batch(blob, blob), small, straight)
    assert target.shape == (1, 50, 50)
    assert abs(target.sum() / blob.sum() * 255 - (50 / 101) ** 2) < 0.01


def test_processes_draw_what_one_draws():
    whole = drawn(24, survey_share=0.4)
    parts = [drawn(8, survey_share=0.4, world_size=3, rank=rank) for rank in range(3)]
    for name in ("affine", "contrast", "brightness"):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(whole, name))
    assert [(part.varied + 8 * rank).tolist() for rank, part in enumerate(parts)] == [
        [place for place in whole.varied.tolist() if place // 8 == rank] for rank in range(3)
    ]
    assert len(whole.varied) == 9
    assert torch.equal(torch.cat([part.survey.kernel for part in parts]), whole.survey.kernel)


def test_only_the_chosen_tiles_of_a_batch_are_varied():
    images, targets = (torch.from_numpy(np.stack([part] * 8)) for part in (IMAGE, TARGET))
    variants = drawn(8, survey_share=0.25)
    assert variants.varied.tolist() == [3, 7]
    x, _ = augment(images, targets, PADDING, variants)
    others = replace(variants, varied=variants.varied[:0])
    changed = (x != augment(images, targets, PADDING, others)[0]).flatten(1).any(dim=1)
    assert changed.nonzero().flatten().tolist() == [3, 7]


def unvaried(count=1):
    """Variants that change nothing."""
    one, nothing = torch.ones(count), torch.zeros(count)
    kernel = torch.zeros(count, TAPS)
    kernel[:, TAPS // 2] = 1
    rectangles, flat = torch.zeros(count, RECTANGLES, 4), torch.zeros(count, RECTANGLES)
    place = torch.zeros(count, 2, dtype=torch.int64)
    return SurveyVariants(kernel, one, one, nothing, one, nothing, place, rectangles, flat)


GREY, SALT = torch.from_numpy(IMAGE)[None] / 255, torch.from_numpy(MASK)[None].float()


def varied(**changes):
    return vary(GREY, SALT, replace(unvaried(), **changes))


def test_a_survey_that_changes_nothing():
    grey, target = varied()
    torch.testing.assert_close(grey, GREY)
    assert torch.equal(target, SALT)


def test_a_tile_lower_than_the_filter_is_varied_too():
    low = GREY[:, :4]
    grey, _ = vary(low, SALT[:, :4], unvaried())
    torch.testing.assert_close(grey, low)


def test_polarity_gamma_and_gain():
    torch.testing.assert_close(varied(polarity=-torch.ones(1))[0], 1 - GREY)
    torch.testing.assert_close(varied(gamma=torch.tensor([2.0]))[0], GREY**2)
    middle = GREY.mean()
    torch.testing.assert_close(
        varied(contrast=torch.tensor([2.0]))[0], (middle + 2 * (GREY - middle)).clamp(0, 1), atol=1e-6, rtol=0
    )
    ramped = varied(ramp=torch.log(torch.tensor([2.0])), contrast=torch.tensor([0.5]))[0]  # so that nothing is clipped
    gains = ((ramped - middle) / (GREY - middle)).median(dim=2).values[0]
    torch.testing.assert_close(gains[[0, 50, 100]], 0.5 * torch.tensor([2**-0.5, 1, 2**0.5]), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("corner", "degrees"), [(0.2, 0), (0.2, 90), (0.4, -60)])
def test_a_wave_loses_half_of_its_energy_at_the_corner_and_turns_by_the_phase(corner, degrees):
    angle = 2 * np.pi * corner * np.arange(400)
    wave = torch.from_numpy(0.5 + 0.2 * np.cos(angle)).float()[None, :, None].repeat(1, 1, 3)
    kernel = torch.from_numpy(wavelet_filters(np.array([corner]), np.array([degrees])).copy()).float()
    found = vary(wave, wave, replace(unvaried(), kernel=kernel))[0][0, 100:300, 1]
    expected = 0.5 + 0.2 * np.sqrt(0.5) * np.cos(angle + np.deg2rad(degrees))[100:300]
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_noise_depends_on_its_place_alone():
    noisy = [varied(noise=torch.tensor([0.1]), place=torch.tensor([[row, 0]]))[0] for row in (3, 3, 4)]
    assert torch.equal(noisy[0], noisy[1])
    inside = (GREY > 0.4) & (GREY < 0.6)  # where nothing is clipped
    assert abs((noisy[0] - GREY)[inside].std() - 0.1) < 0.01
    everywhere = [
        vary(torch.full((1, 101, 101), 0.5), SALT, replace(unvaried(), noise=torch.tensor([0.1]), place=place))[0]
        for place in (torch.tensor([[3, 0]]), torch.tensor([[4, 0]]))
    ]
    torch.testing.assert_close(everywhere[0][0, 1:], everywhere[1][0, :-1])


def test_what_is_flat_is_not_salt():
    rectangles = torch.zeros(1, RECTANGLES, 4)
    rectangles[0, 0] = torch.tensor([0.0, 40 / 101, 1.0, 42 / 101])  # two dead traces
    rectangles[0, 1] = torch.tensor([50 / 101, 0.0, 60 / 101, 1.0])  # a gap of ten rows
    grey, target = varied(rectangles=rectangles, flat=torch.tensor([[0.0, 1.0, 0.5]]))
    expected, salt = GREY[0].clone(), SALT[0].clone()
    expected[:, 40:42], salt[:, 40:42] = 0, 0
    expected[50:60], salt[50:60] = 1, 0
    torch.testing.assert_close(grey[0], expected)
    assert torch.equal(target[0], salt)
    drawn_rectangles = drawn(500, survey_share=1).survey.rectangles
    there = drawn_rectangles[..., 2] > drawn_rectangles[..., 0]
    assert abs(there.float().mean() - 0.22) < 0.04
    dead = there & (drawn_rectangles[..., 0] == 0) & (drawn_rectangles[..., 2] == 1)
    width = 101 * (drawn_rectangles[..., 3] - drawn_rectangles[..., 1])[dead]
    assert width.min() > 0.9
    assert width.max() < 3.1


def test_a_teachers_probability_stays_what_it_is():
    shifted = torch.from_numpy(SHIFT + np.array([[0, 0, 3.5], [0, 0, 0]], np.float32))[None]
    _, target = warp(*batch(IMAGE, np.full(SIZE, 51, np.uint8)), PADDING, shifted)
    np.testing.assert_allclose(target, 0.2, atol=1e-6)
