"""Deletion and insertion: against a network that is computed by hand, and against a loop of single forward passes."""

import numpy as np
import pytest
import torch

from unet import Segmenter, explain
from unet.card import Card
from unet.image import MEAN, RULE, SPREAD
from unet.synthetic import section

BOX = (40, 30, 3, 5)
# By size of the weight: region -> where it is.
PARTS = {5: np.s_[8:16, 8:16], 10: np.s_[16:24, 16:24], 0: np.s_[0:8, 0:8]}


@pytest.fixture(scope="module")
def linear(small_model):
    """A network whose logit is the same weighted sum of the input everywhere, and its weights, (32, 32)."""
    weights = np.zeros((32, 32), np.float32)
    for size, part in zip((3, -2, 1), PARTS.values(), strict=True):
        weights[part] = 0.02 * size
    segmenter = Segmenter(small_model, Card(threshold=0.4, input=RULE, temperature=1.7))
    segmenter.network = lambda x, tap=None: (x * torch.from_numpy(weights)).sum((2, 3), keepdim=True).expand(x.shape)
    return segmenter, weights


@pytest.fixture(scope="module")
def image():
    return section(3)[0] / np.float32(255)


def sigmoid(logit):
    return 1 / (1 + np.exp(-logit / 1.7))


def blurred(values):
    """A Gaussian of 8 pixels, cut off at 4 standard deviations, over the image mirrored at its edges."""
    kernel = np.exp(-(np.arange(-32, 33) ** 2) / (2 * 8**2))
    kernel /= kernel.sum()
    for axis in (0, 1):
        padded = np.pad(values, [(32, 32) if axis == side else (0, 0) for side in (0, 1)], mode="reflect")
        values = np.apply_along_axis(np.convolve, axis, padded, kernel, "valid")
    return values


def test_of_a_linear_network_both_curves_are_known(linear):
    image = np.random.default_rng(0).random((32, 32), np.float32)  # 4 x 4 regions, no padding
    linear, weights = linear
    order = explain.order_of(explain.explain_pixel(linear, image, (20, 20, 1, 1)).influence)
    assert order.tolist() == [5, 10, 0, *(region for region in range(16) if region not in PARTS)]
    found = explain.faithfulness(linear, image, (20, 20, 1, 1), order)

    change = {region: (weights * (blurred(image) - image))[part].sum() / SPREAD for region, part in PARTS.items()}
    answer = (weights * (image - MEAN)).sum() / SPREAD
    gone = np.cumsum([0, change[5], change[10], change[0]])[[0, 1, 2, *[3] * 9]]  # 0, 1, 2, then all three regions
    np.testing.assert_allclose(found.deletion, sigmoid(answer + gone), atol=1e-5)
    np.testing.assert_allclose(found.insertion, sigmoid(answer + gone[-1] - gone), atol=1e-5)

    widths, distance = np.diff(explain.SHARES), np.abs(found.deletion - found.deletion[0])
    assert found.deletion_area == pytest.approx((widths * (distance[1:] + distance[:-1]) / 2).sum())
    # No other order is farther away from the answer, or sooner back.
    for seed in range(10):
        other = explain.faithfulness(linear, image, (20, 20, 1, 1), explain.random_order(image.shape, seed))
        assert other.deletion_area <= found.deletion_area + 1e-6
        assert other.insertion_area >= found.insertion_area - 1e-6


def test_both_curves_are_those_of_single_forward_passes(segmenter, image):
    order = explain.random_order(image.shape, 1)
    found = explain.faithfulness(segmenter, image, BOX, order)
    soft = blurred(image)
    top, left, height, width = BOX
    for index in (1, 5, 10):
        pictures = image.copy(), soft.astype(np.float32)
        for region in order[
            : round(float(explain.SHARES[index]) * 169)
        ]:  # 13 x 13, those at the end of 5 pixels a side
            row, column = (8 * place for place in divmod(int(region), 13))
            part = np.s_[row : row + 8, column : column + 8]
            pictures[0][part], pictures[1][part] = soft[part], image[part]
        for curve, picture in zip((found.deletion, found.insertion), pictures, strict=True):
            probability = segmenter.trace(picture).probability[top : top + height, left : left + width]
            assert curve[index] == pytest.approx(probability.mean(), abs=2e-5)
    assert found.deletion[0] == pytest.approx(explain.explain_pixel(segmenter, image, BOX).probability, abs=1e-6)
    assert np.ptp(found.deletion) > 0.01


def test_an_order_holds_every_region_once():
    one, same, other = (explain.random_order((101, 90), seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert sorted(one) == list(range(13 * 12))
    attribution = np.zeros((20, 16), np.float32)
    attribution[16:] = 1  # what remains at the end counts by its mean, not by its size
    attribution[8, 0] = 9
    assert explain.order_of(attribution).tolist() == [4, 5, 2, 0, 1, 3]


def test_in_the_margin_nothing_changes_the_answer(small_model, image):
    framed = image.copy()
    framed[:, :20] = 1
    segmenter = Segmenter(small_model, Card(threshold=0.4, input=RULE))
    found = explain.faithfulness(segmenter, framed, (50, 5, 4, 4), explain.random_order(image.shape, 0))
    assert not found.deletion.any()
    assert found.deletion_area == found.insertion_area == 0


@pytest.mark.parametrize(
    ("box", "count", "sentence"),
    [((100, 0, 2, 1), 169, "inside the image of 101 x 101"), (BOX, 168, "an order of 169 regions, got 168")],
)
def test_what_does_not_fit_the_image_is_refused(segmenter, image, box, count, sentence):
    with pytest.raises(ValueError, match=sentence):
        explain.faithfulness(segmenter, image, box, np.arange(count))
