import csv
import io

import numpy as np
import pytest
from PIL import Image

from demo import export
from demo.detection import detect
from demo.export import ExportedImage, OtherPrediction
from demo.images import SeismicImage
from tests.demo.test_detection import PROBABILITY, TRUTH
from unet import render, rle


def exported(name, **more):
    return ExportedImage(name, SeismicImage(name, np.full((2, 3), 0.4, np.float32)), PROBABILITY, **more)


def read(content):
    return np.asarray(Image.open(io.BytesIO(content)))


def test_files_hold_what_they_say():
    image = SeismicImage("n", np.full((2, 3), 0.4, np.float32))
    mask, probability = read(export.mask_png(TRUTH)), read(export.probability_png(PROBABILITY))

    assert mask.dtype == np.uint8
    assert mask.tolist() == [[0, 0, 255], [255, 255, 0]]
    np.testing.assert_array_equal(probability, np.rint(PROBABILITY.astype(np.float64) * 65535))
    np.testing.assert_array_equal(np.load(io.BytesIO(export.probability_npy(PROBABILITY))), PROBABILITY)
    assert read(export.grey_png(image)).tolist() == [[102, 102, 102], [102, 102, 102]]
    np.testing.assert_array_equal(read(export.overlay_png(image, TRUTH)), render.overlay(image.pixels, TRUTH))


def test_no_two_images_share_a_file_name():
    names = ["A.png", "a.tif", "a-2.png", "???.png", "..\\..\\x.png", "/etc/passwd", "x" * 300]
    assert export.file_stems(names) == ["A", "a-2", "a-2-2", "image", "x", "passwd", "x" * 60]


def test_a_result_holds_what_its_columns_say():
    found, one = detect(PROBABILITY, 0.35, TRUTH), exported("a.png")
    row = export.result("a", one, found)

    assert tuple(row) == export.COLUMNS
    assert (rle.decode(row["rle_mask"], 2, 3) == found.mask).all()
    assert [*row.values()][2:] == [
        "a.png", 2, 3, "0.35", "66.6667", 4, "0.900000", f"{found.iou:.6f}", f"{found.dice:.6f}",
        f"{found.competition:.6f}", "no", "", "",
    ]  # fmt: skip
    bare = export.result("a", one, detect(PROBABILITY, 0.35))
    assert (bare["iou"], bare["dice"], bare["mAP"]) == ("", "", "")


def test_a_result_says_where_a_second_network_disagrees():
    other = PROBABILITY.copy()
    other[0] = (0.36, 0.35, 1.0)  # what lies exactly at the threshold is no salt
    margin = np.array([[False, False, False], [False, False, True]])
    found = detect(PROBABILITY, 0.35, margin=margin)
    wanted = 100 * np.count_nonzero(found.mask[0] != [True, False, True]) / 5  # of six pixels one is margin
    row = export.result("a", exported("a.png", tta=True, other=OtherPrediction("=b", other)), found)
    assert (row["flip_tta"], row["other_weights"], row["disagreement_percent"]) == ("yes", "'=b", f"{wanted:.4f}")
    assert wanted > 0


@pytest.mark.parametrize(("name", "shown"), [("=1+1", "'=1+1"), ("@x", "'@x"), ("-x", "'-x"), ("a,b\n", "a,b\n")])
def test_a_spreadsheet_computes_no_name(name, shown):
    text = export.results_csv([export.result("a", exported(name), detect(PROBABILITY, 0.35))]).decode()
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["name"] == shown
