import csv
import io
import json
import struct
import zipfile
from functools import partial
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from demo import core, session
from unet import Segmenter, render, rle
from unet.card import Card
from unet.image import RULE
from unet.model import UNet, UNetConfig

SHAPE = (20, 30)
GREY = np.linspace(0, 1, 600, dtype=np.float32).reshape(SHAPE)
TRUTH = GREY > 0.6
PROBABILITY = np.linspace(0.2, 0.9, 600, dtype=np.float32).reshape(SHAPE)
VIEW = session.View("encoder2", 3, ("skip1", "bottleneck"), "mean", (4, 5), (1, 2, 3, 4), True, (0, 7))
STATE = session.State("b.npy", "salt-unet", "ab" * 32, 0.35, VIEW)


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def taken(name="a.png", original=None, truth=TRUTH, suffix=".png"):
    return session.ExportedImage(name, core.SeismicImage(name, name, GREY, truth), PROBABILITY, original, suffix)


def packed(*images, state=STATE):
    file = io.BytesIO()
    session.write(file, state, [one.name for one in images], images)
    return file.getvalue()


def zipped(entries, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file.getvalue()


def entries(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def refusal(content):
    with pytest.raises(session.SessionError) as refused:
        session.read(content, "s.zip")
    return str(refused.value)


# --- Results


def test_a_result_holds_what_its_columns_say():
    finding = core.find(PROBABILITY, 0.35, TRUTH)
    found = session.result("a", "a.png", finding)

    assert tuple(found) == session.COLUMNS
    assert (rle.decode(found["rle_mask"], *SHAPE) == finding.mask).all()
    assert (found["id"], found["name"], found["rows"], found["columns"]) == ("a", "a.png", 20, 30)
    assert (found["threshold"], found["salt_pixels"]) == ("0.35", finding.pixels)
    assert float(found["salt_percent"]) == pytest.approx(100 * finding.pixels / 600, abs=1e-4)
    assert found["highest_probability"] == "0.900000"
    assert float(found["iou"]) == pytest.approx(finding.iou, abs=1e-6)
    assert float(found["dice"]) == pytest.approx(finding.dice, abs=1e-6)
    assert float(found["competition_score"]) == pytest.approx(finding.competition, abs=1e-6)


def test_scores_are_empty_without_a_truth():
    found = session.result("a", "a.png", core.find(PROBABILITY, 0.35))

    assert (found["iou"], found["dice"], found["competition_score"]) == ("", "", "")


@pytest.mark.parametrize(
    ("name", "shown"), [("=1+1", "'=1+1"), ("@x", "'@x"), ("-x.png", "'-x.png"), ("a,b\n.png", "a,b\n.png")]
)
def test_a_spreadsheet_computes_no_name(name, shown):
    text = session.results_csv([session.result("a", name, core.find(PROBABILITY, 0.35))]).decode()
    (row,) = csv.DictReader(io.StringIO(text, newline=""))

    assert row["name"] == shown


def test_no_two_images_share_a_file_name():
    names = ["A.png", "a.tif", "a-2.png", "???.png", "..\\..\\x.png", "/etc/passwd", "x" * 300]

    found = session.stems(names)

    assert found == ["A", "a-2", "a-2-2", "image", "x", "passwd", "x" * 60]


# --- There and back


def test_a_session_comes_back_as_it_went():
    rng = np.random.default_rng(0)
    original = npy(rng.random(SHAPE))
    content = packed(taken(), taken("b.npy", original, None, ".npy"), taken("../ü.png", png(TRUTH)))

    found = session.read(content, "s.zip")

    assert found.state == STATE
    assert [kept.name for kept in found.images] == ["a.png", "b.npy", "../ü.png"]
    assert [kept.suffix for kept in found.images] == [".png", ".npy", ".png"]
    assert found.images[1].image == original
    assert found.images[1].truth is None
    np.testing.assert_array_equal(core.open_upload("a", found.images[0].image).pixels, taken().opened.pixels)
    np.testing.assert_array_equal(core.read_mask(found.images[0].truth, "a").salt, TRUTH)


@pytest.mark.parametrize("name", core.SAMPLES)
def test_a_sample_comes_back_bit_by_bit(name):
    opened = core.sample(name)
    one = session.ExportedImage(name, opened, np.zeros(opened.grey.shape, np.float32))

    (kept,) = session.read(packed(one), "s.zip").images

    assert core.open_upload(name, kept.image).digest == opened.digest
    np.testing.assert_array_equal(core.read_mask(kept.truth, name).salt, opened.truth)


def test_a_zip_holds_the_files_it_promises():
    found = entries(packed(taken()))
    mask = np.float32(0.35) < PROBABILITY

    assert list(found) == [
        "pictures/a.png",
        "truths/a.png",
        "masks/a.png",
        "probabilities/a.png",
        "probabilities/a.npy",
        "overlays/a.png",
        "results.csv",
        "state.json",
    ]
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(found["masks/a.png"], np.uint8), -1), mask * np.uint8(255))
    sixteen = cv2.imdecode(np.frombuffer(found["probabilities/a.png"], np.uint8), -1)
    np.testing.assert_array_equal(sixteen, np.rint(PROBABILITY.astype(np.float64) * 65535).astype(np.uint16))
    np.testing.assert_array_equal(np.load(io.BytesIO(found["probabilities/a.npy"])), PROBABILITY)
    overlay = np.asarray(Image.open(io.BytesIO(found["overlays/a.png"])))
    np.testing.assert_array_equal(overlay, render.overlay(taken().opened.pixels, mask))
    (row,) = csv.DictReader(io.StringIO(found["results.csv"].decode()))
    assert row["id"] == "a"
    assert row["rle_mask"] == rle.encode(mask)
    assert row["threshold"] == "0.35"


def test_one_session_is_always_the_same_bytes():
    assert packed(taken()) == packed(taken())


def test_a_zip_is_written_where_nothing_can_be_rewound():
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.content = b""

        def writable(self):
            return True

        def write(self, data):
            self.content += bytes(data)
            return len(data)

    pipe = Pipe()
    session.write(pipe, STATE, ["a.png"], iter([taken()]))

    assert session.read(pipe.content, "s.zip").state == STATE


def test_a_session_without_a_view_or_images_comes_back():
    state = session.State("Salt stock", "salt-unet", "", 1.0)

    assert session.read(packed(state=state), "s.zip") == ([], state, [])


# --- A ZIP of images


def test_a_zip_of_images_opens_the_folder_images_with_its_masks():
    found = session.read(
        zipped(
            {
                "train/images/b.png": b"B",
                "train\\images\\a.PNG": b"A",
                "train/masks/a.png": b"M",
                "train/images/._a.png": b"no",
                "__MACOSX/train/images/a.png": b"no",
                "train/other/c.png": b"no",
                "readme.txt": b"no",
            }
        ),
        "s.zip",
    )

    assert found.images == [
        session.ArchivedImage("a.PNG", ".png", b"A", b"M"),
        session.ArchivedImage("b.png", ".png", b"B", None),
    ]
    assert found.state is None
    assert [sentence.split(";")[0] for sentence in found.left_out] == [
        "left out 1 of its files, first train/other/c.png"
    ]


def test_two_lines_with_the_same_names_keep_their_own_masks():
    files = {f"line{line}/{part}/1.png": (line + part).encode() for line in "AB" for part in ("images", "masks")}
    found = session.read(zipped(files | {"lineC/masks/1.png": b"nobody's"}), "s.zip")
    assert [(kept.name, kept.image, kept.truth) for kept in found.images] == [
        ("lineA/1.png", b"Aimages", b"Amasks"),
        ("lineB/1.png", b"Bimages", b"Bmasks"),
    ]
    assert found.left_out == ["left out 1 masks without an image, first lineC/masks/1.png"]


def test_names_in_two_unicode_forms_are_one():
    composed, apart = "\u00d6l.png", "O\u0308l.png"
    found = session.read(zipped({f"images/{composed}": b"I", f"masks/{apart}": b"M"}), "s.zip")
    assert [(kept.name, kept.truth) for kept in found.images] == [(composed, b"M")]


def test_a_mask_beside_its_image_is_its_truth():
    found = session.read(zipped({"a.jpg": b"I", "a_mask.gif": b"M", "b.png": b"B"}), "s.zip")
    assert [(kept.name, kept.truth) for kept in found.images] == [("a.jpg", b"M"), ("b.png", None)]


def test_a_zip_without_a_folder_images_opens_all_but_the_masks():
    found = session.read(zipped({"x/a.png": b"A", "masks/a.png": b"M", "b.tif": b"B"}), "s.zip")

    assert [(kept.name, kept.truth) for kept in found.images] == [("b.tif", None), ("a.png", b"M")]


# --- What is refused


def test_names_in_a_zip_are_no_paths():
    found = session.read(zipped({"../../evil.png": b"A", "/etc/b.png": b"B"}), "s.zip")

    assert [kept.name for kept in found.images] == ["evil.png", "b.png"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a readable zip"),
        (b"PK\x03\x04 and then nothing", "not a readable zip"),
        (packed(taken())[:-300], "not a readable zip"),
        (zipped({"a.txt": b"x"}), "no images in it"),
        (zipped({f"{n}.png": b"" for n in range(201)}), "201 images, more than the 200"),
        (zipped({f"{n}.txt": b"" for n in range(5001)}), "5,001 entries, more than 5,000"),
        (zipped({"x" * 60_000 + str(n): b"" for n in range(40)}), "table of contents is too large"),
        (zipped({"a.png": b"x"}, zipfile.ZIP_LZMA), "packed by another method"),
        (zipped({f"{n}.png": bytes(2**22) for n in range(8)}, zipfile.ZIP_DEFLATED), "more than 100 times larger"),
    ],
)
def test_a_zip_that_cannot_be_opened_says_why(content, said):
    assert refusal(content).startswith("s.zip: ")
    assert said in refusal(content)


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(monkeypatch):
    content = zipped({f"{n}.png": np.random.default_rng(n).bytes(2**20) for n in range(3)})
    monkeypatch.setattr(session, "LARGEST_ZIP", 2)
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("unpacked"))

    assert "unpacked it has more than 2 MB" in refusal(content)


def test_a_image_in_a_zip_may_be_as_large_as_one_that_comes_alone(monkeypatch):
    monkeypatch.setattr(core, "LARGEST_UPLOAD", 1)
    fits, too_large = (zipped({"a.png": bytes(2**20 + more)}) for more in (0, 1))

    assert len(session.read(fits, "s.zip").images[0].image) == 2**20
    assert refusal(too_large) == "s.zip: a.png in it is larger than 1 MB"


def test_an_entry_that_lies_about_its_size_is_not_believed():
    content = bytearray(zipped({"a.png": bytes(21 * 2**20)}, zipfile.ZIP_DEFLATED))
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<I", 1000)

    assert "a.png in it is" in refusal(bytes(content))


def test_an_encrypted_entry_is_refused():
    content = bytearray(zipped({"a.png": b"x"}))
    content[content.rindex(b"PK\x01\x02") + 8] |= 1

    assert "encrypted" in refusal(bytes(content))


def test_a_damaged_entry_is_named():
    content = bytearray(zipped({"a.png": b"0123456789"}))
    content[content.index(b"0123456789")] ^= 1

    assert refusal(bytes(content)).startswith("s.zip: a.png in it is damaged or cut short: ")


def edited(**changes):
    text = json.loads(entries(packed(taken()))["state.json"])
    return zipped({"state.json": json.dumps(text | changes), "pictures/a.png": png(TRUTH)})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 2}, "expected version to be 1, got 2"),
        ({"version": True}, "expected version to be 1, got True"),
        ({"image": 7}, "expected image to be a short text, got 7"),
        ({"image": "x" * 301}, "expected image to be a short text"),
        ({"weights": "salt-unet"}, "expected weights to be an object"),
        ({"weights": {"name": "a"}}, "expected weights sha256 to be a short text, got None"),
        ({"threshold": 1.01}, "expected threshold to be a number from 0 to 1"),
        ({"threshold": float("nan")}, "expected threshold to be a number from 0 to 1, got nan"),
        ({"threshold": "0.5"}, "expected threshold to be a number from 0 to 1"),
        ({"threshold": True}, "expected threshold to be a number from 0 to 1"),
        ({"view": []}, "expected view to be an object"),
        ({"view": {"layer": 1}}, "expected layer to be a short text"),
        ({"view": {"channel": -1}}, "expected channel to be a whole number"),
        ({"view": {"cuts": ["a"] * 21}}, "expected cuts to be a short list"),
        ({"view": {"cuts": [1]}}, "expected cuts to be a short text"),
        ({"view": {"fill": None}}, "expected fill to be a short text"),
        ({"view": {"pixel": [1]}}, "expected pixel to be 2 whole numbers"),
        ({"view": {"box": [1, 2, 3, 4.5]}}, "expected box to be a whole number from 0, got 4.5"),
        ({"view": {"random": 1}}, "expected random to be true or false"),
        ({"view": {"window": [0, 2**31]}}, "expected window to be a whole number"),
        ({"images": {}}, "expected images to be a list"),
        ({"images": [7]}, "expected image 1 to be an object"),
        ({"images": [{"name": "a"}]}, "expected image 1 to be a short text, got None"),
        ({"pictures": [{"picture": "pictures/a.png"}]}, "expected image 1 name to be a short text"),
        ({"images": [{"name": "a", "image": "/etc/passwd"}]}, "there is no '/etc/passwd' in the ZIP"),
        ({"pictures": [{"name": "a", "picture": "pictures/a.png", "truth": "x"}]}, "there is no 'x' in the ZIP"),
    ],
)
def test_a_state_is_checked_field_by_field(changes, said):
    found = refusal(edited(**changes))

    assert found.startswith("s.zip: its state.json is not one of this program (")
    assert said in found


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 5000])
def test_a_state_that_is_no_json_is_refused(text):
    assert "state.json is not" in refusal(zipped({"state.json": text}))


def test_what_a_view_does_not_say_has_its_default():
    found = session.read(edited(view={"later": 1, "cuts": []}, images=[]), "s.zip")

    assert found.state.view == session.View()


def test_a_name_is_printable():
    found = session.read(edited(pictures=[{"name": "a\u202e\n", "picture": "pictures/a.png"}]), "s.zip")

    assert found.images[0].name == "a\\u202e\\n"


# --- Many images


@pytest.fixture(scope="module")
def segmenter():
    torch.manual_seed(0)
    return Segmenter(UNet(UNetConfig(width=2, depth=2)).eval(), Card(threshold=0.5, input=RULE))


def gallery(segmenter, sources=None, shelf=None):
    names = list(core.SAMPLES)[:3]
    sources = sources or {name: session.ImageSource(("sample", name), partial(core.sample, name)) for name in names}
    return session.Gallery(sources, segmenter, "weights", shelf or session.ByteCache(10**8))


def test_a_row_says_what_the_finding_says(segmenter):
    images, opened = gallery(segmenter), core.sample("Salt stock")
    probability = segmenter.probability(opened.grey)
    threshold = float(np.median(probability))
    finding = core.find(probability, threshold, opened.truth)

    assert images.known_row("Salt stock", threshold) is None
    row = images.row("Salt stock", threshold)

    assert row[:6] == (
        finding.pixels, finding.share, finding.highest, finding.iou, finding.dice, finding.competition,
    )  # fmt: skip
    assert images.known_row("Salt stock", threshold) is row
    assert images.known_row("Salt stock", threshold + 0.1) is None


def test_another_threshold_needs_no_network(segmenter, monkeypatch):
    images = gallery(segmenter)
    images.row("Salt stock", 0.4)
    monkeypatch.setattr(Segmenter, "probability", lambda *_: pytest.fail("asked again"))

    assert images.row("Salt stock", 0.6).highest == images.row("Salt stock", 0.4).highest


def test_a_collection_packs_itself(segmenter):
    images = gallery(segmenter)

    found = session.read(images.zip(STATE), "s.zip")

    assert [kept.name for kept in found.images] == list(images.sources)
    assert images.results(0.35) == entries(images.zip(STATE))["results.csv"]


def test_images_beyond_the_largest_total_are_left_out(segmenter):
    sizes = {"a": 15_000_000, "b": 5_000_000, "c": 1}
    sources = {name: session.ImageSource(name, lambda: pytest.fail("opened"), size) for name, size in sizes.items()}
    images = gallery(segmenter, sources)

    assert list(images.sources) == ["a", "b"]
    assert images.left_out == ["c"]


def test_a_thumbnail_is_small_and_shows_the_salt():
    mask = np.zeros((400, 300), bool)
    mask[:200] = True
    small = np.asarray(Image.open(io.BytesIO(session.thumbnail(np.full((400, 300), 100, np.uint8), mask))))

    assert small.shape == (112, 84, 3)
    assert np.abs(small[20, 40].astype(int) - np.array([158, 127, 55])).max() < 12
    assert np.abs(small[90, 40].astype(int) - 100).max() < 6


def test_what_is_asked_for_changes_with_every_widget_beside_a_page():
    files = [SimpleNamespace(file_id=name) for name in "ab"]
    before = {"image_boxes": 2, "image 2": "a", "weights_label 0": "w", "uploads": files, "masks": []}

    assert session.asked({}) == session.asked({"uploads": None, "other": 1})
    for change in ({"image 2": "b"}, {"weights_label 0": "v"}, {"uploads": files[:1]}, {"masks": files[:1]}):
        assert session.asked(before | change) != session.asked(before)
    assert session.asked(before | {"image 1": "b"}) == session.asked(before)  # a box that is gone


def test_a_shelf_keeps_what_was_asked_for_last():
    byte_cache = session.ByteCache(10)
    byte_cache.put("a", 1, 4)
    byte_cache.put("b", 2, 4)
    byte_cache.get("a")
    byte_cache.put("c", 3, 4)
    byte_cache.put("huge", 4, 11)
    byte_cache.put("c", 5, 3)

    assert [byte_cache.get(key) for key in ("a", "b", "c", "huge")] == [1, None, 5, None]
    assert byte_cache.size == 7
