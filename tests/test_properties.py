"""Properties that hold for whatever hypothesis comes up with; the examples are the same in every run."""

import io
import json
import string

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from unet import checkpoint, rle
from unet.card import Card
from unet.data.tiles import split_tiles
from unet.files.images import decode
from unet.image import RULE, Padding, from_amplitude, grey, salt
from unet.model import UNet, UNetConfig
from unet.segmenter import TILE, Segmenter, _windows

pytestmark = pytest.mark.filterwarnings("ignore:no sections.csv")


def examples(count):
    return settings(
        max_examples=count,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


sides = st.integers(16, 40)
depths = st.sampled_from([np.uint8, np.uint16])
images = st.tuples(sides, sides, depths).flatmap(lambda drawn: arrays.arrays(drawn[2], drawn[:2]))
colours = st.tuples(sides, sides, st.sampled_from([3, 4])).flatmap(lambda shape: arrays.arrays(np.uint8, shape))
finite = st.floats(allow_nan=False, allow_infinity=False)


# --- Image conversion ---------------------------------------------------------------------------------------


@examples(40)
@given(st.one_of(images, colours), st.sampled_from(["PNG", "TIFF", "NPY"]))
def test_what_is_written_is_read(image, kind):
    stream = io.BytesIO()
    if kind == "NPY":
        np.save(stream, image)
    else:
        Image.fromarray(image).save(stream, kind)
        image = image[..., :3] if image.ndim == 3 else image  # alpha is dropped
    found = decode(stream.getvalue(), "image")
    assert found.dtype == image.dtype
    np.testing.assert_array_equal(found, image)


@examples(60)
@given(st.one_of(images, colours))
def test_every_pixel_is_converted_by_itself(image):
    values = grey(image)
    assert values.dtype == np.float32
    assert values.shape == image.shape[:2]
    assert values.min() >= 0
    assert values.max() <= 1
    np.testing.assert_array_equal(grey(image[::-1, ::-1]), values[::-1, ::-1])
    np.testing.assert_array_equal(grey(image.swapaxes(0, 1)), values.T)
    brighter = image | 1
    assert (grey(brighter) >= values - 1e-6).all()


@examples(40)
@given(images, st.sampled_from([np.uint8, np.uint16, np.float32, np.int32, bool]))
def test_salt_is_every_value_but_0(image, kind):
    mask = (image // 3).astype(kind)
    np.testing.assert_array_equal(salt(mask), mask.astype(bool))
    np.testing.assert_array_equal(salt(np.repeat(mask[..., None], 3, axis=2)), mask.astype(bool))


@examples(100)
@given(arrays.arrays(np.float64, (3, 4), elements=finite), finite, finite)
def test_amplitudes_become_grey_whatever_their_size(amplitudes, low, high):
    if not (low < high and np.isfinite(high - low)):
        with pytest.raises(ValueError, match="limits low < high"):
            from_amplitude(amplitudes, low, high)
        return
    values = from_amplitude(amplitudes, low, high)
    assert values.min() >= 0
    assert values.max() <= 1
    assert (values[amplitudes <= low] == 0).all()
    assert (values[amplitudes >= high] == 1).all()
    order = np.argsort(amplitudes.ravel())
    assert (np.diff(values.ravel()[order]) >= 0).all()


@examples(60)
@given(st.integers(16, 300), st.integers(16, 300), st.sampled_from([2, 16, 64]))
def test_padding_invents_no_value_and_is_undone(height, width, stride):
    padding = Padding.to_multiple(height, width, stride)
    image = np.arange(height * width, dtype=np.float32).reshape(height, width)
    padded = padding.pad(image)
    assert padded.shape == (padding.padded_height, padding.padded_width)
    assert not padded.shape[0] % stride
    assert not padded.shape[1] % stride
    assert np.array_equal(np.unique(padded), image.ravel())
    np.testing.assert_array_equal(padding.crop(padded), image)


# --- Tiling -------------------------------------------------------------------------------------------------


class PixelByPixel(UNet):
    """A network whose answer at a pixel depends on nothing but that pixel, so that tiles cannot change it."""

    def forward(self, x, tap=None):
        return self.slope * x + self.offset


@examples(200)
@given(st.integers(16, 1500), st.integers(16, 1500))
def test_tiles_cover_every_pixel(height, width):
    rows_seen, columns_seen = np.zeros(height, bool), np.zeros(width, bool)
    windows = list(_windows(height, width))
    for rows, columns in windows:
        assert (rows.stop - rows.start, columns.stop - columns.start) == (min(TILE, height), min(TILE, width))
        assert min(rows.start, columns.start) >= 0
        assert rows.stop <= height
        assert columns.stop <= width
        rows_seen[rows] = columns_seen[columns] = True
    assert rows_seen.all()
    assert columns_seen.all()
    # With every row of tiles having all columns, that is every pixel.
    assert len(windows) == len({rows.start for rows, _ in windows}) * len({columns.start for _, columns in windows})


@examples(25)
@given(st.integers(16, 400), st.integers(129, 400), st.floats(-3, 3), st.floats(-5, 5), st.integers(0, 9))
def test_blended_tiles_give_the_function_itself(height, width, slope, offset, seed):
    """With a slope of 0 the function is a constant; otherwise another one at every grey."""
    model = PixelByPixel(UNetConfig(width=1, depth=2)).eval()
    model.slope, model.offset = slope, offset
    image = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    expected = torch.sigmoid(torch.from_numpy((image / 255 - 0.47) / 0.16 * slope + offset)).numpy()
    for tta in (False, True):
        found = Segmenter(model, Card(threshold=0.5, input=RULE)).probability(image, tta)
        np.testing.assert_allclose(found, expected, atol=2e-6)


# --- Run-length encoding ------------------------------------------------------------------------------------

masks = st.tuples(st.integers(1, 20), st.integers(1, 20)).flatmap(lambda shape: arrays.arrays(bool, shape))


@examples(150)
@given(masks)
def test_runs_are_those_a_pixel_by_pixel_count_finds(mask):
    runs, inside = [], False
    for number, pixel in enumerate(mask.ravel(order="F"), start=1):
        if pixel and not inside:
            runs.append([number, 0])
        if pixel:
            runs[-1][1] += 1
        inside = pixel
    text = " ".join(f"{start} {length}" for start, length in runs)
    assert rle.encode(mask) == text
    np.testing.assert_array_equal(rle.decode(text, *mask.shape), mask)


@examples(150)
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

names = st.text(string.ascii_lowercase + "./ é", min_size=1, max_size=4)


@examples(80)
@given(
    st.sets(names, min_size=1, max_size=40),
    st.dictionaries(names, st.sampled_from("ABCDE"), max_size=60),
    st.booleans(),
    st.floats(0, 1),
    st.integers(0, 5),
)
def test_a_split_parts_every_tile_and_no_section(ids, sections, known, share, seed):
    known_sections = sections if known else None
    split = split_tiles(sorted(ids), known_sections, share, seed)
    assert sorted(split.train + split.val) == sorted(ids)
    assert split.train == sorted(split.train)
    assert split.val == sorted(split.val)
    assert len(split.val) >= share * len(ids) - 1e-9
    assert split == split_tiles(sorted(ids, reverse=True), known_sections, share, seed)
    if not known:
        assert split.by == "tile"
        assert len(split.val) <= share * len(ids) + 1
        return
    judging = {sections[name] for name in split.val if name in sections}
    assert not judging & {sections[name] for name in split.train if name in sections}
    assert split.left_out == sorted(name for name in sections if sections[name] in judging and name not in ids)
    largest = max((sum(sections.get(n) == s for n in ids) for s in "ABCDE"), default=1)
    assert len(split.val) <= share * len(ids) + max(largest, 1)


# --- Card ---------------------------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
entries = st.dictionaries(st.text(max_size=8), values, max_size=4)
ours = st.sampled_from(
    [
        "config",
        "input",
        "sha256",
        "threshold",
        "temperature",
        "claim",
        "split",
        "training",
        "name",
        "sites",
        "parameters",
    ]
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("card") / "a.safetensors"
    checkpoint.save(path, UNet(UNetConfig(width=1, depth=1)), Card(threshold=0.5, input=RULE))
    return path, path.with_suffix(".json").read_bytes()


def check_refusal(path):
    """Loads weights that may be refused, and then with one sentence."""
    sentence = ""
    try:
        Segmenter.load(path)
    except ValueError as error:
        sentence = str(error)
    assert sentence.isprintable()
    assert len(sentence) < 1000


@examples(15)
@given(entries, st.floats(0, 1, exclude_min=True, exclude_max=True), st.floats(0.05, 20, exclude_min=True))
def test_a_card_is_read_as_it_was_written(weights, others, threshold, temperature):
    path, _ = weights
    model = UNet(UNetConfig(width=1, depth=1))
    others = {name: value for name, value in others.items() if name not in ("claim", "split", "training", "name")}
    card = {**others, "threshold": threshold, "temperature": temperature, "input": RULE}
    written = checkpoint.save(path, model, card)
    found, read = checkpoint.load(path)
    assert read == written == {**card, **{name: read[name] for name in ("config", "sites", "parameters", "sha256")}}
    for name, tensor in model.state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor)


@examples(100)
@given(ours, values)
def test_a_card_with_any_other_entry_is_read_or_refused(weights, name, value):
    path, good = weights
    path.with_suffix(".json").write_text(json.dumps({**json.loads(good), name: value}))
    check_refusal(path)


@examples(150)
@given(st.data())
def test_a_card_with_any_byte_changed_is_read_or_refused(weights, data):
    path, good = weights
    content = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.with_suffix(".json").write_bytes(content)
    check_refusal(path)
