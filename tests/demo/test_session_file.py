import dataclasses
import json
import zipfile

import numpy as np
import pytest

from demo import export, limits, session_file
from demo.images import SAMPLES, SeismicImage, open_sample, open_upload
from demo.session_file import ArchivedImage, SessionError, SessionState, UnpackedSession, WeightsName
from demo.view import ViewState
from tests.demo.files import npy, png, unzipped, zipped
from unet import rle
from unet.files.images import FORMATS, read_mask

NO_STATE = b"", b"\xff\xfe", b"[" * 100_000, b'{"threshold": NaN}'
SHAPE = (20, 30)
GREY = np.linspace(0, 1, 600, dtype=np.float32).reshape(SHAPE)
TRUTH = GREY > 0.6
PROBABILITY = np.linspace(0.2, 0.9, 600, dtype=np.float32).reshape(SHAPE)
VIEW = ViewState(
    layer="encoder2", channel=3, cuts=("skip1", "bottleneck"), fill="mean", pixel=(4, 5), box=(1, 2, 3, 4), random=True,
    window=(0, 7),
)  # fmt: skip
STATE = SessionState(image="b.npy", weights=WeightsName("salt-unet", "ab" * 32), threshold=0.35, view=VIEW)
# As every version of this program wrote it.
ON_DISK = {
    "version": 1,
    "picture": "b.npy",
    "weights": {"name": "salt-unet", "sha256": "ab" * 32},
    "threshold": 0.35,
    "view": {
        "layer": "encoder2", "channel": 3, "cuts": ["skip1", "bottleneck"], "fill": "mean", "pixel": [4, 5],
        "box": [1, 2, 3, 4], "random": True, "window": [0, 7],
    },
    "pictures": [{"name": "a.png", "picture": "pictures/a.png", "truth": "truths/a.png"}],
}  # fmt: skip


def exported(name="a.png", original=None, truth=TRUTH, suffix=".png"):
    return export.ExportedImage(name, SeismicImage(name, GREY, truth), PROBABILITY, original, suffix)


def packed(*exports, state=STATE):
    return session_file.pack(state, [one.name for one in exports], exports)


def read(content):
    return session_file.read(content, "s.zip")


def refusal(content):
    with pytest.raises(SessionError) as refused:
        read(content)
    return str(refused.value)


# --- There and back


def test_a_session_comes_back_as_it_went():
    original = npy(np.random.default_rng(0).random(SHAPE))
    uploads = exported(), exported("b.npy", original, None, ".npy"), exported("../ü.png", png(TRUTH))
    found = read(packed(*uploads))

    assert found.state == STATE
    assert [(one.name, one.suffix) for one in found.images] == [(one.name, one.suffix) for one in uploads]
    assert (found.images[1].image, found.images[1].truth) == (original, None)
    np.testing.assert_array_equal(open_upload("a", found.images[0].image).pixels, exported().image.pixels)
    np.testing.assert_array_equal(read_mask(found.images[0].truth, "a").salt, TRUTH)
    bare = SessionState(image="Salt stock", weights=WeightsName("salt-unet", ""), threshold=1.0)
    assert read(packed(state=bare)) == UnpackedSession([], bare, [])


def test_samples_come_back_bit_by_bit():
    samples = [open_sample(name) for name in SAMPLES]
    packs = (export.ExportedImage(one.name, one, np.zeros(one.grey.shape, np.float32)) for one in samples)
    for one, found in zip(samples, read(packed(*packs)).images, strict=True):
        assert open_upload(one.name, found.image).digest == one.digest
        np.testing.assert_array_equal(read_mask(found.truth, one.name).salt, one.truth)


def test_a_zip_holds_the_files_it_promises():
    found, one = unzipped(packed(exported())), exported()
    mask = np.float32(0.35) < PROBABILITY

    (note,) = session_file.notes(STATE)
    assert "the network without skip1, bottleneck (mean in their place), with random weights. All files are" in note
    state = json.loads(found.pop("state.json"))
    assert state == ON_DISK | {"notes": [note], "view": state["view"]}
    assert {name: state["view"][name] for name in ON_DISK["view"]} == ON_DISK["view"]
    readme = found.pop("README.txt").decode()
    assert f"weights salt-unet (sha256 {'ab' * 32}), threshold 0.35, one forward pass without flip TTA" in readme
    assert note in readme
    assert all(f"\n{path.split('/')[0]}" in readme for path in found)
    row = export.result("a", one, one.detect(0.35))
    assert row["rle_mask"] == rle.encode(mask)
    assert found == {
        "pictures/a.png": export.grey_png(one.image),
        "truths/a.png": export.mask_png(TRUTH),
        "masks/a.png": export.mask_png(mask),
        "probabilities/a.png": export.probability_png(PROBABILITY),
        "probabilities/a.npy": export.probability_npy(PROBABILITY),
        "overlays/a.png": export.overlay_png(one.image, mask),
        "results.csv": export.results_csv([row]),
    }
    assert packed(exported()) == packed(exported())


def test_a_zip_says_with_flip_tta_and_with_whom_it_compares():
    state = SessionState(image="a.png", weights=STATE.weights, threshold=0.35, view=ViewState(tta=True, other="b"))
    one = exported()
    compared = dataclasses.replace(one, tta=True, other=export.OtherPrediction("b", PROBABILITY[::-1]))
    content = packed(compared, state=state)
    readme = unzipped(content)["README.txt"].decode()
    assert "threshold 0.35, with flip TTA: the mean with the mirrored image.\n" in readme
    assert "the share that b calls differently at this threshold" in readme
    assert "the share that" not in unzipped(packed(one))["README.txt"].decode()
    assert read(content).state == state


def test_what_a_session_leaves_out_is_said_in_it():
    whole = SessionState(image="a.png", weights=WeightsName("w", ""), threshold=0.5, view=ViewState())
    assert session_file.notes(whole) == []
    assert "notes" not in json.loads(unzipped(packed(exported(), state=whole))["state.json"])
    found = unzipped(session_file.pack(whole, ["a.png"], [exported()], left_out=["b.png", "c.png"]))
    assert json.loads(found["state.json"])["notes"] == ["Left out are the images b.png, c.png."]
    assert found["README.txt"].decode().endswith("\nLeft out are the images b.png, c.png.\n")


# --- A ZIP of images


@pytest.mark.parametrize(
    ("names", "found", "left_out"),
    [
        (  # the folder images with its masks; Windows writes backslashes
            ["t/images/b.png", "t\\images\\a.PNG", "t/masks/a.png", "t/images/._a.png", "t/other/c.png", "x.txt"],
            [("a.PNG", "t\\images\\a.PNG", "t/masks/a.png"), ("b.png", "t/images/b.png", None)],
            [f"expected {FORMATS}, got 1 other files, first t/other/c.png"],
        ),
        (  # two lines with the same names
            ["A/images/1.png", "A/masks/1.png", "B/images/1.png", "B/masks/1.png", "C/masks/1.png"],
            [("A/1.png", "A/images/1.png", "A/masks/1.png"), ("B/1.png", "B/images/1.png", "B/masks/1.png")],
            ["expected an image for every mask, got none for 1, first C/masks/1.png"],
        ),
        (  # masks beside their images, and names that are no paths
            ["a.jpg", "a_mask.gif", "../../evil.png"],
            [("evil.png", "../../evil.png", None), ("a.jpg", "a.jpg", "a_mask.gif")],
            [],
        ),
    ],
)
def test_images_in_a_zip_find_their_masks(names, found, left_out):
    unpacked = read(zipped({name: name.encode() for name in names}))

    assert unpacked.state is None
    assert [(one.name, one.image.decode(), one.truth and one.truth.decode()) for one in unpacked.images] == found
    assert [sentence.split(";")[0] for sentence in unpacked.left_out] == left_out


# --- What is refused


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected a ZIP, got"),
        (packed(exported())[:-300], "expected a ZIP, got"),
        (zipped({"a.txt": b"x"}), "expected images"),
        (zipped({f"{n}.png": b"" for n in range(201)}), "expected at most 200 images, got 201"),
        (zipped({f"{n}.txt": b"" for n in range(5001)}), "at most 5,000 entries, got 5,001"),
        (zipped({"x" * 60_000 + str(n): b"" for n in range(40)}), "a table of contents of at most"),
        (zipped({f"{n}.png": bytes(2**22) for n in range(8)}, zipfile.ZIP_DEFLATED), "at most 100 times its size"),
        (zipped({"a.png": b"0123456789"}).replace(b"0123456789", b"X123456789"), "a.png in it: damaged or cut short"),
        *((zipped({"state.json": text}), "its state.json is not one of this program (") for text in NO_STATE),
    ],
)
def test_a_zip_that_cannot_be_opened_says_why(content, said):
    assert refusal(content).startswith("s.zip: ")
    assert said in refusal(content)


def test_sizes_are_known_before_anything_is_unpacked(monkeypatch):
    monkeypatch.setattr(limits, "LARGEST_UPLOAD", 1)
    monkeypatch.setattr(limits, "LARGEST_ZIP", 2)
    fits, too_large = (zipped({"a.png": bytes(2**20 + more)}) for more in (0, 1))
    many = zipped({f"{n}.png": bytes(2**20) for n in range(3)})
    assert len(read(fits).images[0].image) == 2**20  # as large as one that comes alone
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("unpacked"))
    assert refusal(too_large) == "s.zip: a.png in it: larger than 1 MB"
    assert "at most 2 MB unpacked" in refusal(many)


def on_disk(**changes):
    files = {"pictures/a.png": png(TRUTH), "truths/a.png": png(TRUTH)}
    return zipped({"state.json": json.dumps(ON_DISK | changes), **files})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 2}, "expected version"),
        ({"picture": 7}, "expected picture to be text, got 7"),
        ({"weights": {"name": "a"}}, "expected sha256 in weights, got none"),
        ({"threshold": 1.01}, "expected threshold"),
        ({"view": {"cuts": ["a"] * 21}}, "expected view.cuts"),
        ({"view": {"box": [1, 2, 3, 4.5]}}, "expected view.box.3 to be a whole number"),
        ({"pictures": [{"name": "a"}]}, "expected picture in pictures.0, got none"),
        ({"pictures": [{"name": "a", "picture": "/etc/passwd"}]}, "there is no '/etc/passwd' in the ZIP"),
        ({"pictures": [{"name": "a", "picture": "pictures/a.png", "truth": "x"}]}, "there is no 'x' in the ZIP"),
    ],
)
def test_a_state_is_checked(changes, said):
    found = refusal(on_disk(**changes))

    assert found.startswith("s.zip: its state.json is not one of this program (")
    assert said in found


def test_what_a_view_does_not_say_has_its_default_and_a_name_is_printable():
    entry = {"name": "a\u202e\n", "picture": "pictures/a.png"}
    found = read(on_disk(view={"later": 1, "cuts": []}, pictures=[entry]))

    assert found.state.view == ViewState()
    assert found.images == [ArchivedImage("a\\u202e\\n", ".png", png(TRUTH), None)]
