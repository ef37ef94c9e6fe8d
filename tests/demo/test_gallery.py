import io
from functools import partial

import numpy as np
import pytest
from PIL import Image

from demo import cache, export
from demo.cache import ByteCache, find_probability
from demo.detection import detect
from demo.export import ExportedImage
from demo.gallery import Gallery, ImageSource, OtherNetwork, thumbnail
from demo.images import SAMPLES, open_sample
from unet import Segmenter
from unet.model import UNet

KEY = ("weights", 0, "")


SOURCES = {name: ImageSource(("sample", name), partial(open_sample, name)) for name in list(SAMPLES)[:3]}


def opened(names):
    return [(name, open_sample(name)) for name in names]


@pytest.fixture
def gallery(segmenter, monkeypatch):
    monkeypatch.setattr(cache, "CACHE", ByteCache(10**8))
    return Gallery(SOURCES, segmenter, KEY)


def test_a_row_says_what_the_detection_says(gallery, segmenter, monkeypatch):
    image = open_sample("Salt stock")
    probability = segmenter.probability(image.grey)
    threshold = float(np.median(probability))
    found = detect(probability, threshold, image.truth)

    assert gallery.cached_row("Salt stock", threshold) is None
    row = gallery.row("Salt stock", threshold)
    assert row[:5] == (found.share, found.highest, found.iou, found.competition, None)
    assert gallery.cached_row("Salt stock", threshold) is row
    assert gallery.cached_row("Salt stock", threshold + 0.1) is None

    # Another threshold and another page need no network.
    monkeypatch.setattr(Segmenter, "probability", lambda *_: pytest.fail("computed again"))
    assert gallery.row("Salt stock", threshold + 0.1).highest == row.highest
    assert not find_probability(image, segmenter, KEY).flags.writeable


def test_everything_of_every_image_is_exported(gallery, segmenter):
    names = list(gallery.sources)
    assert [one.name for one in gallery.exported()] == names
    images = [ExportedImage(name, image, segmenter.probability(image.grey)) for name, image in opened(names)]
    rows = map(export.result, export.file_stems(names), images, [one.detect(0.35) for one in images])
    assert export.gallery_csv(names, gallery.exported(), 0.35) == export.results_csv(rows)


def test_a_second_network_and_flip_tta_count_in_rows_and_exports(gallery, segmenter):
    untrained = Segmenter(UNet(segmenter.model.config).eval(), segmenter.card)
    other = OtherNetwork("untrained", untrained, ("other", 0, ""))
    compared = Gallery(SOURCES, segmenter, KEY, tta=True, other=other)
    threshold = 0.4
    for (name, image), one in zip(opened(SOURCES), compared.exported(), strict=True):
        mine, theirs = (network.mask(image.grey, threshold, tta=True) for network in (segmenter, untrained))
        np.testing.assert_array_equal(one.detect(threshold).mask, mine)
        row = compared.row(name, threshold)
        assert (row.share, row.disagreement) == (mine.mean(), np.mean(mine != theirs))
        assert gallery.cached_row(name, threshold) is None  # without both it is another row
        assert one.tta
        assert one.other.weights == "untrained"


def test_images_beyond_the_largest_total_are_left_out(segmenter):
    sizes = {"a": 15_000_000, "b": 5_000_000, "c": 1}
    sources = {name: ImageSource(name, lambda: pytest.fail("opened"), size) for name, size in sizes.items()}
    gallery = Gallery(sources, segmenter, KEY)

    assert (list(gallery.sources), gallery.left_out) == (["a", "b"], ["c"])


def test_a_thumbnail_is_small_and_light_and_shows_the_salt():
    mask = np.zeros((400, 300), bool)
    mask[:200] = True
    small = np.asarray(Image.open(io.BytesIO(thumbnail(np.full((400, 300), 100, np.uint8), mask))))

    assert small.shape == (112, 84, 3)
    assert np.abs(small[20, 40].astype(int) - np.array([158, 127, 55])).max() < 12
    assert np.abs(small[90, 40].astype(int) - 100).max() < 6
    noise = np.random.default_rng(0).integers(0, 256, (101, 101), np.uint8)  # nothing compresses worse
    assert 200 * len(thumbnail(noise, noise > 99)) * 4 / 3 < 2_000_000  # 200 images, as Base64
