"""Properties that hold for whatever hypothesis comes up with; the examples are the same in every run."""

import contextlib
import itertools
import json
import string

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from unet import checkpoint, rle
from unet.card import Card, Claim
from unet.checkpoint import CheckpointError
from unet.data.sections import split_tiles
from unet.image import RULE, Padding, from_amplitude, grey, salt
from unet.model import UNet, UNetConfig
from unet.runtime import PLAIN
from unet.segmenter import Segmenter
from unet.tiling import STEP, TILE, windows


def examples(count):
    unchecked = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=count, derandomize=True, deadline=None, database=None, suppress_health_check=unchecked)


sides = st.integers(16, 40)
depths = st.sampled_from([np.uint8, np.uint16])
images = st.tuples(sides, sides, depths).flatmap(lambda drawn: arrays.arrays(drawn[2], drawn[:2]))
colours = st.tuples(sides, sides, st.sampled_from([3, 4])).flatmap(lambda shape: arrays.arrays(np.uint8, shape))
finite = st.floats(allow_nan=False, allow_infinity=False)


# --- Images -------------------------------------------------------------------------------------------------


@examples(40)
@given(st.one_of(images, colours))
def test_every_pixel_is_converted_by_itself(image):
    values = grey(image)
    assert 0 <= values.min() <= values.max() <= 1
    np.testing.assert_array_equal(grey(image[::-1, ::-1]), values[::-1, ::-1])
    np.testing.assert_array_equal(grey(image.swapaxes(0, 1)), values.T)
    assert (grey(image | 1) >= values - 1e-6).all()


@examples(30)
@given(images, st.sampled_from([np.uint8, np.uint16, np.float32, np.int32, bool]))
def test_salt_is_every_value_but_0(image, kind):
    mask = (image // 3).astype(kind)
    for given_mask in (mask, np.repeat(mask[..., None], 3, axis=2)):
        np.testing.assert_array_equal(salt(given_mask), mask.astype(bool))


@examples(80)
@given(arrays.arrays(np.float64, (3, 4), elements=finite), finite, finite)
def test_amplitudes_become_grey_whatever_their_size(amplitudes, low, high):
    if not (low < high and np.isfinite(high - low)):
        with pytest.raises(ValueError, match="limits low < high"):
            from_amplitude(amplitudes, low, high)
        return
    values = from_amplitude(amplitudes, low, high)
    assert 0 <= values.min() <= values.max() <= 1
    assert (values[amplitudes <= low] == 0).all()
    assert (values[amplitudes >= high] == 1).all()
    assert (np.diff(values.ravel()[np.argsort(amplitudes.ravel())]) >= 0).all()


@examples(50)
@given(st.integers(16, 300), st.integers(16, 300), st.sampled_from([2, 16, 64]))
def test_padding_fits_the_stride_adds_no_value_and_is_undone(height, width, stride):
    padding = Padding.to_multiple(height, width, stride)
    image = np.arange(height * width, dtype=np.float32).reshape(height, width)
    padded = padding.pad(image)
    assert padded.shape == tuple(-(-side // stride) * stride for side in (height, width))
    assert np.array_equal(np.unique(padded), image.ravel())
    np.testing.assert_array_equal(padding.crop(padded), image)


# --- Tiling -------------------------------------------------------------------------------------------------


class PixelByPixel(UNet):
    """A network whose logit at a pixel depends on that pixel alone, so that tiles cannot change it."""

    def forward(self, x, tap=None):
        return self.slope * x + self.offset


@examples(100)
@given(st.integers(16, 700), st.integers(16, 700))
def test_tiles_cover_every_pixel_and_the_inside_twice(height, width):
    seen = np.zeros((height, width), int)
    for place in windows(height, width):
        assert seen[place].shape == (min(TILE, height), min(TILE, width))
        seen[place] += 1
    assert seen.min() >= 1
    assert width <= 2 * TILE or seen[:, STEP:-STEP].min() >= 2


@examples(20)
@given(st.integers(16, 400), st.integers(129, 400), st.floats(-3, 3), st.floats(-5, 5), st.integers(0, 9))
def test_blended_tiles_give_the_function_itself(height, width, slope, offset, seed):
    """With a slope of 0 the function is a constant; otherwise another one at every grey."""
    model = PixelByPixel(UNetConfig(width=1, depth=2)).eval()
    model.slope, model.offset = slope, offset
    image = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    expected = torch.sigmoid(torch.from_numpy((image / 255 - 0.47) / 0.16 * slope + offset)).numpy()
    for tta in (False, True):
        found = Segmenter(model, Card(threshold=0.5, input=RULE), runtime=PLAIN).probability(image, tta)
        np.testing.assert_allclose(found, expected, atol=2e-6)


# --- Run-length encoding ------------------------------------------------------------------------------------


@examples(100)
@given(st.tuples(st.integers(1, 20), st.integers(1, 20)).flatmap(lambda shape: arrays.arrays(bool, shape)))
def test_runs_are_those_a_pixel_by_pixel_count_finds(mask):
    numbered, runs = enumerate(mask.ravel(order="F"), start=1), []
    for inside, run in itertools.groupby(numbered, key=lambda pixel: pixel[1]):
        (start, _), *rest = run
        runs += [f"{start} {1 + len(rest)}"] if inside else []
    assert rle.encode(mask) == " ".join(runs)
    np.testing.assert_array_equal(rle.decode(" ".join(runs), *mask.shape), mask)


@examples(100)
@given(st.text(alphabet="0123456789 -.e\n\u00b2\u0663", max_size=30), st.integers(0, 9), st.integers(0, 9))
def test_any_text_is_runs_or_a_sentence(text, height, width):
    try:
        mask = rle.decode(text, height, width)
    except ValueError:
        return
    assert mask.shape == (height, width)
    np.testing.assert_array_equal(rle.decode(rle.encode(mask), height, width), mask)
    assert mask.sum() == sum(int(length) for length in text.split()[1::2])


# --- Split --------------------------------------------------------------------------------------------------

names = st.text(string.ascii_lowercase + "é", min_size=1, max_size=4)


@examples(60)
@given(
    st.sets(names, min_size=1, max_size=40),
    st.dictionaries(names, st.sampled_from("ABCDE"), max_size=60) | st.none(),
    st.floats(0, 1),
    st.integers(0, 5),
)
def test_a_split_parts_every_tile_and_no_section(ids, sections, share, seed):
    split = split_tiles(sorted(ids), sections, share, seed)
    assert split == split_tiles(sorted(ids, reverse=True), sections, share, seed)
    assert sorted([*split.train, *split.val]) == sorted(ids)
    assert all(list(side) == sorted(side) for side in (split.train, split.val))
    assert len(split.val) >= share * len(ids) - 1e-9
    assert split.by == ("tile" if sections is None else "section")
    of = sections or {}
    validating, training = ({of.get(name) for name in side} - {None} for side in (split.val, split.train))
    assert not validating & training
    assert list(split.left_out) == sorted(name for name in of if of[name] in validating and name not in ids)
    largest = max(1, *(sum(of.get(name) == section for name in ids) for section in "ABCDE"))
    assert len(split.val) <= share * len(ids) + largest


# --- Card ---------------------------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FILLED_IN = ("config", "sites", "parameters", "sha256")  # by checkpoint.save
shares = st.floats(0, 1)
claims = st.builds(
    Claim, metric=names, value=shares, split=names, count=st.integers(0, 999), tta=st.booleans(), threshold=shares
)
cards = st.builds(
    Card,
    threshold=st.floats(0, 1, exclude_min=True, exclude_max=True),
    input=st.just(RULE),
    temperature=st.floats(0.05, 20, exclude_min=True),
    name=st.text(max_size=8),
    claim=st.none() | claims,
    metrics=st.dictionaries(names, st.dictionaries(names, finite, min_size=1), max_size=2),
    training=st.none() | st.dictionaries(st.text(max_size=5), values, min_size=1, max_size=3),
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("card") / "a.safetensors"
    checkpoint.save(path, UNet(UNetConfig(width=1, depth=1)), Card(threshold=0.5, input=RULE))
    return path, path.with_suffix(".json").read_bytes()


@examples(30)
@given(cards)
def test_a_card_is_read_as_it_was_written(weights, card):
    path, _ = weights
    written = checkpoint.save(path, UNet(UNetConfig(width=1, depth=1)), card)
    assert checkpoint.read_card(path) == written
    assert msgspec.structs.replace(card, **{name: getattr(written, name) for name in FILLED_IN}) == written


@examples(100)
@given(st.sampled_from(Card.__struct_fields__), values)
def test_a_card_with_any_other_entry_is_read_or_refused(weights, name, value):
    path, good = weights
    path.with_suffix(".json").write_text(json.dumps({**json.loads(good), name: value}))
    with contextlib.suppress(CheckpointError):
        checkpoint.load(path)
