"""The commands of ``python -m unet`` in this process: what they write, what they say and what they refuse."""

import json
import os
import re
import zipfile
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from tests.robustness.checks import check_refusal, run_here, untouched
from unet import benchmark, checkpoint, evaluation, metrics, prediction, report, rle, runtime, synthetic
from unet.card import Card, Claim, Split
from unet.cli import main as cli
from unet.cli.inputs import find_inputs
from unet.data import dataset
from unet.files import amplitudes as files_amplitudes
from unet.files.listing import find_images
from unet.image import RULE
from unet.segmenter import Segmenter

THRESHOLD = 0.558  # which some of the small network's probabilities are above, and some below
SPLIT = Split(by="section", train=("s0", "s1", "s2"), val=("s3", "s4", "gone"))
CLAIM = Claim(metric="mAP", value=0.5, split="val", count=2, tta=False, threshold=THRESHOLD)
IDS = [f"s{index}" for index in range(6)]
SECTIONS = [synthetic.section(index, 32, 40) for index in range(6)]
IMAGES, MASKS = zip(*SECTIONS, strict=True)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def make_weights(small_model, here):
    """Makes small.safetensors with some entries in its card."""

    def make(**entries):
        card = Card(threshold=THRESHOLD, input=RULE, split=SPLIT)
        checkpoint.save(here / "small.safetensors", small_model, replace(card, **entries))
        return Segmenter.load(here / "small.safetensors")

    return make


@pytest.fixture
def segmenter(make_weights):
    return make_weights()


def save(array, path):
    """Writes an image or a mask into a folder that is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture
def images(here):
    """Five images of two sizes."""
    for index in range(5):
        save(synthetic.section(index, 40, 50 if index < 3 else 33)[0], here / "images" / f"s{index}.png")
    return here / "images"


@pytest.fixture
def data(here):
    """Six labelled tiles."""
    for name, image, mask in zip(IDS, IMAGES, MASKS, strict=True):
        save(image, here / "data" / "images" / f"{name}.png")
        save(mask, here / "data" / "masks" / f"{name}.png")
    return here / "data"


def run(command, *words, status=0):
    """A command with the small weights, and its output; the status must be as expected."""
    ended = run_here([command, "--weights", "small.safetensors", *words])
    assert ended.status == status, ended.err
    return ended


def predict(*words, status=0):
    """What ``predict`` says on stderr."""
    return run("predict", *words, status=status).err


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def lines(path):
    return Path(path).read_text().splitlines()


@pytest.mark.usefixtures("segmenter", "images")
class TestPredict:
    @pytest.mark.parametrize("pixels", [prediction.CHUNK_PIXELS, 1])  # large images do not share a group
    def test_masks_probabilities_and_lines(self, segmenter, monkeypatch, pixels):
        monkeypatch.setattr(prediction, "CHUNK_PIXELS", pixels)
        err = predict("images", "--out", "new/out", "--probability", "--csv", "all.csv")
        assert re.fullmatch(r"5 images in \d+\.\d s, \d+% of it in the network\n", err)
        assert sorted(contents("new/out")) == sorted(f"s{i}{suffix}" for i in range(5) for suffix in (".png", ".npy"))
        header, *rows = lines("all.csv")
        assert header == "id,rle_mask"
        for stem, row in zip(IDS[:5], rows, strict=True):
            probability = np.load(f"new/out/{stem}.npy")
            assert probability.dtype == np.float32
            expected = segmenter.probability(np.asarray(Image.open(f"images/{stem}.png")))
            np.testing.assert_allclose(probability, expected, atol=1e-5)
            mask = np.asarray(Image.open(f"new/out/{stem}.png"))
            assert mask.dtype == np.uint8
            np.testing.assert_array_equal(mask, np.where(probability > np.float32(THRESHOLD), 255, 0))
            assert row == f"{stem},{rle.encode(mask == 255)}"
            assert 0 < mask.mean() < 255

    def test_threshold_tta_and_fast(self):
        predict("images/s0.png", "--out", "out", "--tta", "--fast", "--threshold", "0.5578", "--probability")
        image, found = np.asarray(Image.open("images/s0.png")), np.load("out/s0.npy")
        expected = Segmenter.load(Path("small.safetensors"), fast=True).probability(image, tta=True)
        np.testing.assert_allclose(found, expected, atol=1e-5)
        np.testing.assert_array_equal(np.asarray(Image.open("out/s0.png")) == 255, metrics.mask(found, 0.5578))

    def test_files_folders_and_zips_together_and_what_cannot_be_read_is_named(self):
        np.save("array.npy", IMAGES[0])
        with zipfile.ZipFile("a.zip", "w") as archive:
            archive.write("images/s0.png", "images/zipped.png")
            archive.writestr("masks/zipped.png", b"")
        Path("images/short.png").write_bytes(Path("images/s0.png").read_bytes()[:-40])
        Path("bad.zip").write_bytes(b"PK")
        Path("bare").mkdir()
        err = predict("array.npy", "images", "a.zip", "bad.zip", "bare", "--out", "out", "--csv", "a.csv", status=1)
        *problems, summary = err.splitlines()
        expected = ["bare: expected images in it (PNG,", "bad.zip: expected a ZIP, got", "images/short.png: "]
        assert all(words in line for line, words in zip(problems, expected, strict=True))
        assert re.fullmatch(r"7 images in .*; 3 could not be done", summary)
        assert sorted(contents("out")) == [f"{stem}.png" for stem in ("array", *IDS[:5], "zipped")]
        assert len(lines("a.csv")) == 8
        assert Image.open("out/s4.png").size == (33, 40)

    def test_names_that_windows_reserves(self):
        for stem in ("CON", "nul.old", "com1", "a:b", "what?"):
            assert prediction.stem_problem(stem, windows=True)
            assert prediction.stem_problem(stem, windows=False) is None
        assert prediction.stem_problem("console", windows=True) is None
        assert prediction.stem_problem("\udcff")

    def test_skip_existing_writes_nothing_twice(self):
        predict("images", "--out", "out", "--csv", "whole.csv")
        whole = contents("out")
        for name in ("s1.png", "s4.png"):
            Path("out", name).unlink()
        os.utime("out/s0.png", ns=(1, 1))
        Path("out/s2.png").write_bytes(whole["s2.png"][:-20])  # damaged; what it says of itself is whole
        err = predict("images", "--out", "out", "--csv", "again.csv", "--skip-existing")
        assert err.startswith("3 images in")  # the CSV needs s2, so it is done again
        assert "; 2 were there already; 1 were there, but made of something else" in err
        assert contents("out") == whole
        assert Path("out/s0.png").stat().st_mtime_ns == 1
        assert Path("again.csv").read_bytes() == Path("whole.csv").read_bytes()

    def test_skip_existing_makes_again_what_is_missing_or_made_of_something_else(self):
        predict("images", "--out", "out")
        again = ("images", "--out", "out", "--skip-existing")
        assert predict(*again, "--probability").startswith("5 images in")
        assert predict(*again, "--probability").startswith("0 images in")
        before = contents("out")
        Image.fromarray(synthetic.section(7, 40, 50)[0]).save("images/s1.png")
        assert "1 were there, but made of something else" in predict(*again)
        assert {name for name, content in contents("out").items() if content != before[name]} == {"s1.png"}
        assert predict(*again, "--tta").startswith("5 images in")
        assert predict(*again, "--tta", "--threshold", "0.3").startswith("5 images in")

    def test_files_of_others_are_replaced_only_with_overwrite(self):
        Path("out").mkdir()
        Image.fromarray(np.full((40, 50), 255, np.uint8)).save("out/s1.png")  # somebody's label
        np.save("out/s4.npy", np.zeros(3))
        Path("labels.csv").write_text("id,rle_mask\ns0,1 2\n")
        before = contents("out")
        words = ("images", "--out", "out", "--probability", "--csv", "labels.csv")
        for command, sentence in ((words, "s1.png and 2 more;"), (words[:3], "--overwrite")):
            check_refusal(run("predict", *command, status=2), "predict", sentence)
        assert contents("out") == before
        assert Path("labels.csv").read_text() == "id,rle_mask\ns0,1 2\n"
        assert predict("images", "--out", "out", "--skip-existing").startswith("4 images in")
        assert contents("out")["s1.png"] == before["s1.png"]
        predict(*words, "--overwrite")
        assert len(lines("labels.csv")) == 6
        done = contents("out")
        predict(*words)  # all of it is its own now, the CSV too
        assert contents("out") == done
        np.save("out/s0.npy", np.zeros(3))
        check_refusal(run("predict", *words, status=2), "predict", "s0.npy;")

    def test_what_is_left_out_is_said(self, images):
        Path("images/line").mkdir()
        for name, kind in (("b.bmp", "BMP"), ("w.webp", "WEBP"), ("j.jfif", "JPEG"), ("line/g.gif", "GIF")):
            Image.fromarray(IMAGES[0]).save(f"images/{name}", kind)
        Path("images/notes.txt").write_text("a text is no image")
        assert predict(images, "--out", "out").count("\n") == 1
        assert {"b.png", "w.png", "j.png", "g.png"} < contents("out").keys()
        Image.open("images/s0.png").save("images/s0_mask.gif")
        err = predict(images, "--out", "out")
        assert f"1 masks beside their images, first {images / 's0_mask.gif'}, were left out" in err
        assert len(contents("out")) == 9
        np.savez("images/line/n.npz", a=np.zeros((40, 50)))
        Path("images/cube.sgy").write_bytes(b"")
        err = predict(images, "--out", "out", status=1)
        assert f"{images / 'cube.sgy'}, {images / 'line' / 'n.npz'}: left out; expected PNG, JPEG," in err
        assert err.endswith("; 2 files were left out\n")

    def test_what_was_guessed_is_said_once_for_all_images(self):
        image, _ = synthetic.section(5, 40, 50)
        for name, array in {"a": image, "b": image[::-1]}.items():
            np.save(f"{name}.npy", (array.astype(np.int16) - 128).astype(np.int8))
        np.save("c.npy", np.pad(image, ((0, 0), (20, 0)), constant_values=255))
        err = predict("a.npy", "b.npy", "c.npy", "--out", "out", "--threshold", "0.01")
        assert "2 images, first a.npy: signed bytes: -128 was taken as black" in err
        assert "c.npy: an area of one grey at the edge" in err
        mask = np.asarray(Image.open("out/c.png"))
        assert not mask[:, :20].any()
        assert mask[:, 20:].any()

    def test_limits_of_amplitudes_given_or_taken_of_all_inputs_in_any_order(self, segmenter):
        image = synthetic.section(5, 40, 50)[0]
        recorded = {"a": image * 90.0 - 9000, "b": image[::-1] * 9.0 + 7000, "dead": np.zeros((40, 50))}
        for name, amplitudes in recorded.items():
            np.save(f"{name}.npy", amplitudes.astype(np.float32))
        save(np.dstack([image, image // 2, image // 3]), Path("colours.png"))
        err = predict("a.npy", "--out", "out", status=1)
        assert "a.npy: expected floating point in [0, 1], got " in err
        assert "--amplitude-limits LOW HIGH or --clip-percentile P" in err

        def check(low, high, *words, others=(), status=0):
            err = predict("a.npy", *others, "--out", "out", "--probability", *words, status=status)
            expected = segmenter.probability(np.clip((recorded["a"] - low) / (high - low), 0, 1))
            np.testing.assert_allclose(np.load("out/a.npy"), expected, atol=1e-4)
            return err

        check(-8000, 8000, "--amplitude-limits", "-8000", "8000")
        check(8000, -8000, "--amplitude-limits", "8000", "-8000")
        low, high = np.percentile([recorded["a"], recorded["b"]], [10, 90])  # of the dead section nothing
        for inputs in (["b.npy", "dead.npy", "colours.png"], ["colours.png", "dead.npy", "b.npy"]):
            err = check(low, high, "--clip-percentile", "10", others=inputs, status=1)
            assert f"for other images of this survey --amplitude-limits {low:.6g} {high:.6g}\n" in err
            assert "colours.png: expected one number a pixel to set limits for, got colours" in err
        again = ("a.npy", "--out", "out", "--probability", "--skip-existing", "--amplitude-limits")
        predict(*again, "-8000", "8000")
        assert predict(*again, "-8000", "8000").startswith("0 images in")
        assert "1 were there, but made of something else" in predict(*again, "-8000", "8001")

    def test_common_limits_of_many_images_are_of_a_share_of_each(self, monkeypatch):
        monkeypatch.setattr(files_amplitudes, "MOST_SAMPLES", 400)
        for name, first in {"a": 0, "b": 10_000}.items():
            np.save(f"{name}.npy", first + np.arange(2000.0).reshape(50, 40).T)  # trace after trace
        a, b = (find_images(Path(f"{name}.npy"))[0] for name in "ab")
        limits = files_amplitudes.common_limits([a, b], 0)
        assert limits == files_amplitudes.common_limits([b, a], 0) == (0, 11_990)  # every tenth of each

    def test_a_full_disk_ends_with_one_sentence(self, monkeypatch):
        def full(path, _):
            raise OSError(28, "No space left on device", str(path))

        monkeypatch.setattr(prediction, "write_atomically", full)
        err = predict("images", "--out", "out", status=1)
        assert re.fullmatch(r"predict: expected to write .*s0\.png, got No space left on device\n", err)


class TestEvaluate:
    @pytest.fixture(autouse=True)
    def few(self, monkeypatch):
        """Synthetic sections, which every report draws and scores."""
        monkeypatch.setattr(dataset, "UNSEEN_COUNT", 8)

    @pytest.mark.parametrize(
        ("split", "rows", "claim", "temperature"),
        [
            ("val", [3, 4], None, 1),
            ("train", [0, 1, 2], CLAIM, 0.4),
            ("all", range(6), replace(CLAIM, tta=True), 0.4),
        ],
    )
    def test_the_report_is_taken_the_way_the_claim_is_made(self, data, make_weights, split, rows, claim, temperature):
        segmenter, tta = make_weights(claim=claim, temperature=temperature), bool(claim and claim.tta)
        known = {"s0": "1", "s3": "2"} if split == "all" else None
        if known:
            (data / "sections.csv").write_text("id,section\ns0,1\ns3,2\nelsewhere,3\n")
        err = run("evaluate", "data", "--split", split, "--json", "a.json").err
        assert ("1 tiles of split val are not in data, and are left out" in err) == (split == "val")
        ids, images, masks = zip(*[(IDS[row], IMAGES[row], MASKS[row]) for row in rows], strict=True)
        unseen = evaluation.synthetic_scores(segmenter, THRESHOLD)
        ways = [segmenter.probabilities(images, way) for way in (False, True)]
        predictions = report.Predictions(*ways, tta, segmenter.at_temperature(1.0).probabilities(images, tta))
        expected = report.make_report(ids, predictions, masks, THRESHOLD, known, unseen)
        card = segmenter.card
        header = {"name": "small", "weights": "small.safetensors", "sha256": card.sha256, "parameters": card.parameters}
        header |= {"threshold": THRESHOLD, "temperature": temperature, "split": split, "missing": int(split == "val")}
        found = json.loads(Path("a.json").read_text())
        assert list(found.items()) == [*header.items(), *msgspec.to_builtins(expected).items()]
        assert len(found["sections"]) == (2 if known else 0)
        assert found["scores"]["plain"] != found["scores"]["tta"]
        assert (found["calibration"] == found["calibration_uncorrected"]) == (temperature == 1)

    @pytest.mark.parametrize("tta", [False, True])
    def test_the_tables_are_of_the_way_chosen_on_the_command_line(self, data, make_weights, tta):
        segmenter = make_weights(claim=replace(CLAIM, tta=not tta), temperature=0.4)
        (data / "sections.csv").write_text("id,section\ns0,1\n")
        out = run("evaluate", "data", "--split", "all", *["--tta"][: int(tta)]).out
        assert ("flip TTA" in out) == tta
        assert "Split all, threshold 0.558 and temperature 0.4 as in the card" in out
        assert "The weights were trained on 3 of these tiles." in out
        probabilities = segmenter.probabilities(IMAGES, tta)
        scores = metrics.evaluate(probabilities, MASKS, THRESHOLD)
        groups = report.by_coverage(probabilities, MASKS, THRESHOLD)
        groups += report.by_section(IDS, probabilities, MASKS, THRESHOLD, {"s0": "1"})
        worst = report.worst(IDS, probabilities, MASKS, THRESHOLD)
        rows = [line.replace("│", " ").split() for line in out.splitlines()]
        found = metrics.intervals(probabilities, MASKS, THRESHOLD, np.arange(6))
        for name, value, interval in (("mAP", scores.mAP, found.mAP), ("IoU", scores.iou, found.iou)):
            expected = f"{name} {value:.4f} (95 % interval {interval.low:.3f} to {interval.high:.3f} over 6 sections, a"
            assert expected in out
        for row in (
            f"mAP, IoU 0.50:0.95, as on Kaggle {scores.mAP:.4f} 6 images of all",
            f"Calibration error {scores.calibration_error:.4f} 7,680 pixels of all",
            *(f"{g.name} {g.count} {g.mAP:.4f} {g.iou:.4f} {g.dice:.4f}" for g in groups),
            *(f"{t.id} {t.score:.1f} {t.iou:.4f} {t.salt_share:.1%} {t.predicted_share:.1%}" for t in worst[:5]),
        ):
            assert row.split() in rows
        assert len(groups) > 3
        assert worst[5].id not in out

    def test_without_sections_and_temperature_nothing_is_said_of_them(self, data, make_weights):
        for missing in ("gone", None):  # no tile of the split is here, or the card has none
            make_weights(split=missing and replace(SPLIT, val=(missing,)))
            check_refusal(run("evaluate", "data", status=2), "evaluate", "--split all")
        out = run("evaluate", "data", "--split", "all").out
        assert "Split all, threshold 0.558 as in the card" in out
        assert "section" not in out
        assert "over 6 tiles)" in out

    @pytest.mark.parametrize("tta", [False, True])
    def test_a_network_is_compared_on_tiles_that_neither_was_trained_on(self, data, make_weights, tta):
        # s3 is of the section of s5, which the other network was trained on.
        (data / "sections.csv").write_text("id,section\ns3,1\ns5,1\ns2,2\n")
        other = make_weights(threshold=0.5578, temperature=2.0, split=Split(by="tile", train=("s5",)))
        for suffix in (".json", ".safetensors"):
            Path(f"small{suffix}").rename(f"other{suffix}")
        segmenter = make_weights(split=Split(by="tile", train=("s0",), val=("s1", "s2", "s3", "s4")))
        words = ["data", "--against", "other.safetensors", "--json", "a.json", *["--tta"][: int(tta)]]
        out = run("evaluate", *words).out
        rows = [1, 2, 4]
        images, masks = [IMAGES[row] for row in rows], [MASKS[row] for row in rows]
        ours, theirs = ((of.probabilities(images, tta), of.threshold) for of in (segmenter, other))
        found = metrics.differences(ours, theirs, masks, np.arange(3))
        against = {"weights": "other.safetensors", "sha256": other.card.sha256, "threshold": 0.5578, "temperature": 2.0}
        against |= {"count": 3, "tta": tta, "difference": msgspec.to_builtins(found)}
        assert json.loads(Path("a.json").read_text())["against"] == against
        way = ", flip TTA" if tta else ""
        assert f"small.safetensors minus other.safetensors{way}, each at its own card's threshold, on the 3 til" in out
        assert found.iou.value != 0
        for name, of in (("mAP", found.mAP), ("IoU", found.iou)):
            contains = "contains 0" if of.interval.low <= 0 <= of.interval.high else "does not contain 0"
            range_ = f"{of.interval.low:+.4f} to {of.interval.high:+.4f}"
            assert f"  {name} {of.value:+.4f} (95 % interval {range_}, which {contains})" in out

    def test_a_network_does_not_differ_from_itself(self, data, segmenter):
        out = run("evaluate", "data", "--against", "small.safetensors").out
        assert out.count("+0.0000 (95 % interval +0.0000 to +0.0000, which contains 0)") == 2
        words = ("evaluate", "data", "--against", "small.safetensors", "--split", "train")
        check_refusal(run(*words, status=2), "evaluate", "neither network was trained on, got none among 3;")

    def test_a_report_replaces_a_report_and_nothing_else(self, data, segmenter):
        Path("a.json").write_text('{"mine": 1}')
        words = ("data", "--json", "a.json")
        check_refusal(run("evaluate", *words, status=2), "evaluate", "a.json;")
        assert Path("a.json").read_text() == '{"mine": 1}'
        run("evaluate", *words, "--overwrite")
        run("evaluate", *words)
        assert json.loads(Path("a.json").read_text())["split"] == "val"


def test_bench_prints_the_ratios(segmenter, monkeypatch, small_model):
    monkeypatch.setattr(benchmark, "MILESIAL", small_model.config)  # the real one takes seconds
    out = run("bench", "--tiles", "2", "--repeats", "1").out
    assert re.search(r"shipped network is \d+\.\d times as fast as milesial's at equal precision", out)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if line.startswith("│")]
    names = list(runtime.runtimes(segmenter.model))
    assert [row[1].removesuffix(" *") for row in rows] == [*names, runtime.PLAIN]
    fast = Segmenter(segmenter.model, segmenter.card, fast=True)
    assert [row[1] for row in rows if row[1].endswith(" *")] == [f"{fast.runtime} *"]
    assert all(float(cell) > 0 for row in rows for cell in row[2:])
    assert out.count(f"{segmenter.card.parameters:,} parameters") == 2  # milesial's is the same one here


class TestExport:
    pytestmark = pytest.mark.skipif(not find_spec("onnx"), reason="the extra `fast` is not installed")

    def test_the_file_computes_what_the_weights_do(self, segmenter, image):
        import onnxruntime

        said = run("export", "--onnx", "a.onnx").err
        assert re.fullmatch(r"a.onnx: \d\.\d MB, opset 17; image -> logits\n", said)
        network = onnxruntime.InferenceSession("a.onnx", providers=["CPUExecutionProvider"])
        assert network.get_modelmeta().custom_metadata_map["sha256"] == segmenter.card.sha256
        logits = segmenter.trace(image).sites["logits"]
        (found,) = network.run(None, {"image": segmenter.network_input(image)[0].numpy()})
        np.testing.assert_allclose(found[0], logits, rtol=1e-4, atol=1e-4)

        run("export", "--onnx", "a.onnx", "--sites")  # over its own
        names = [output.name for output in onnxruntime.InferenceSession("a.onnx").get_outputs()]
        assert sorted(names) == sorted(site.name for site in segmenter.model.sites())

    def test_it_replaces_a_file_of_another_program_only_when_told(self, segmenter):
        Path("a.onnx").write_bytes(b"mine")
        check_refusal(run("export", "--onnx", "a.onnx", status=2), "export", "got a.onnx; ", "--overwrite")
        assert Path("a.onnx").read_bytes() == b"mine"
        run("export", "--onnx", "a.onnx", "--overwrite")
        assert Path("a.onnx").stat().st_size > 10_000


@pytest.mark.usefixtures("segmenter", "images")
class TestPage:
    def test_it_holds_the_images_with_their_masks(self, data):
        save(MASKS[0], data / "images" / "s0_mask.png")  # of the same image: which one nobody can say
        err = run("export", "data", "images/s0.png", "--html", "a.html", "--threshold", "0.31").err
        ambiguous, said = err.splitlines()
        assert ambiguous == "images/s0.png: expected one mask, got masks/s0.png and images/s0_mask.png; keep one"
        assert re.fullmatch(r"a.html: 7 images, \d\.\d MB; open it in a browser", said)
        content = Path("a.html").read_bytes()
        assert content.startswith(b"<!doctype html>")
        assert b"0.31; these weights were given 0.56" in content
        assert [content.count(b"ground truth s%d.png" % index) for index in range(3)] == [0, 1, 1]
        run("export", "images/s0.png", "--html", "a.html")  # over its own
        assert len(Path("a.html").read_bytes()) < len(content)

    def test_an_image_that_is_named_alone_has_its_mask_on_disk_and_where_it_lies_is_not_told(self, data):
        beside = data.parent / "Alone"
        beside.mkdir()
        for name, content in (("s4.png", IMAGES[4]), ("s4_MASK.png", MASKS[4]), ("s40_mask.png", MASKS[0])):
            save(content, beside / name)
        for image, mask in (
            (data / "images/s1.png", data / "masks/s1.png"),
            (beside / "s4.png", beside / "s4_MASK.png"),
        ):
            first, said = run("export", image, "--html", "b.html", "--overwrite").err.splitlines()
            assert first == f"{image}: its truth is {mask}"
            assert said.startswith("b.html: 1 image, ")
            content = Path("b.html").read_bytes()
            assert f"ground truth {mask.name}".encode() in content
            assert str(image.parent).encode() not in content
        alike = data / "images/s4.png", beside / "s4.png"
        run("export", *alike, "--html", "b.html")
        content = Path("b.html").read_bytes()
        assert all(str(path).encode() in content for path in alike)  # two of one name

    def test_where_a_folder_may_not_be_listed_it_says_that_masks_were_not_looked_for(self, data, monkeypatch):
        def refuse(folder):
            raise PermissionError(13, "Permission denied", str(folder))

        monkeypatch.setattr(Path, "iterdir", refuse)
        first, said = run("export", data / "images/s1.png", "--html", "b.html").err.splitlines()
        assert first == "masks of the named images could not be looked for (Permission denied)"
        assert said.startswith("b.html: 1 image, ")

    def test_images_that_cannot_be_read_are_named_and_the_others_are_in_it(self):
        Path("bad.png").write_bytes(b"no image")
        said = run("export", "bad.png", "images/s0.png", "--html", "a.html", status=1).err
        assert said.startswith("bad.png: expected a PNG, JPEG")
        assert "a.html: 1 image, " in said
        run("export", "bad.png", "--html", "b.html", status=1)
        assert not Path("b.html").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "predict images --out out --clip-percentile 50",
            "expected --clip-percentile from 0 to 50, 50 left out, got 50",
        ),
        ("predict images --out out --clip-percentile 1 --amplitude-limits 1 2", "got both; leave one out"),
        ("predict images --out out --amplitude-limits 1 1", "to be two different numbers, got 1 1"),
        ("predict images --out out --amplitude-limits 1 nan", "to be two different numbers, got 1 nan"),
        ("predict --out out", "expected an image, or a folder or .zip of images, got nothing"),
        ("predict images s0.tif --out out", "got one for images/s0.png and s0.tif"),
        ("predict images S0.npy --out out", "got one for images/s0.png and S0.npy"),
        ("predict images --out images", "s0.png, got images, where its mask would replace it"),
        ("predict images/s0.png --out images/../images", "choose another"),
        ("predict images --out file", "file: expected a folder that can be made"),
        ("predict images --out file/below", "below: expected a folder that can be made"),
        ("predict images --out out --csv gone/a.csv", "expected a file in a folder that exists, got gone"),
        ("predict images --out out --csv bare", "bare: expected a file that can be written"),
        ("predict images --out out --csv images/s0.png", "got that of an image or a mask"),
        ("predict images --out out --csv out/s0.png", "got that of an image or a mask"),
        *[(f"predict images --out out --threshold {t}", "expected --threshold") for t in ("0", "1", "nan", "-1")],
        ("evaluate data --json gone/a.json", "expected a file in a folder that exists, got gone"),
        ("evaluate data --json small.safetensors", "got that of the weights or their card"),
        ("evaluate data --json small.json", "got that of the weights or their card"),
        ("evaluate data --against bare.safetensors --json bare.json", "got that of the weights or their card"),
        ("evaluate data --against gone.safetensors", "gone.json: "),
        ("export --onnx gone/a.onnx", "expected a file in a folder that exists, got gone"),
        ("export --onnx small.safetensors", "got that of the weights or their card"),
        ("export", "expected one of --onnx FILE and --html FILE, got neither"),
        ("export --onnx a.onnx --html a.html", "expected one of --onnx FILE and --html FILE, got both"),
        ("export images --onnx a.onnx", "expected images and --threshold with --html only"),
        ("export images --html a.html --sites", "expected --sites with --onnx only"),
        ("export --html a.html", "expected an image, or a folder or .zip of images, got nothing"),
        ("export gone.png --html a.html", "gone.png: no such file or folder"),
        ("export images data --html a.html", "expected at most 8 images for a page, got 11; name fewer"),
        ("export images --html gone/a.html", "expected a file in a folder that exists, got gone"),
        ("export images --html small.json", "got that of an image or the weights"),
        ("export images --html file", "got file; choose another place, or pass --overwrite"),
        ("export images --html a.html --threshold 1", "expected --threshold to be between 0 and 1, got 1"),
        ("bench --tiles 0", "expected --tiles to be a whole number of at least 1, got 0"),
        ("demo", "expected a process of its own; start it with python -m unet demo"),
    ],
)
@pytest.mark.usefixtures("segmenter", "images", "data")
def test_what_cannot_be_done_is_refused_before_anything_is_written(here, words, sentence):
    for name in ("bare", "out"):
        Path(name).mkdir()
    for name in ("s0.tif", "S0.npy", "file"):
        Path(name).write_bytes(b"")
    command, *rest = words.split()
    weights = [] if command == "demo" else ["--weights", "small.safetensors"]
    with untouched(here):
        check_refusal(run_here([command, *weights, *rest]), command, sentence)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", "Expected one of {predict, evaluate, average, export, dossier, bench, demo, segy}"),
        ("predict images", "--out DIR"),
        ("predict images --out out --no-tta", "--no-tta"),
        ("predict images --out out --threshold half", "--threshold"),
        ("evaluate data --split test", "invalid choice 'test'"),
        ("demo --port x", "--port"),
    ],
)
def test_words_that_are_no_command_say_what_was_expected(words, expected, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(words.split())
    assert caught.value.code == 2
    said = capsys.readouterr()
    assert expected in " ".join(said.err.replace("│", " ").split())  # the frame breaks long lines
    assert said.out == ""


def test_a_mask_that_is_named_beside_its_image_is_its_truth(tmp_path, capsys):
    for name in ("a.png", "a_mask.png", "b.png", "b_mask.png", "b_mask.tif"):
        (tmp_path / name).write_bytes(b"")
    found = find_inputs(sorted(tmp_path.iterdir()), labelled=True)
    assert [(image.stem, mask and mask.stem) for image, mask in zip(found.images, found.masks, strict=True)] == [
        ("a", "a_mask"),
        ("b", None),
    ]
    assert "expected one mask, got" in capsys.readouterr().err
    alone = find_inputs([tmp_path / "a.png", tmp_path / "a_mask.png"])  # to be predicted as they were named
    assert [image.stem for image in alone.images] == ["a", "a_mask"]


def test_masks_of_no_image_are_named(tmp_path, capsys):
    for name in ("images/a.png", "masks/a.png", "masks/b.png", "masks/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = find_inputs([tmp_path], labelled=True)
    assert [mask and mask.stem for mask in found.masks] == ["a"]
    assert f"left out: 2, first {tmp_path / 'masks/b.png'}" in capsys.readouterr().err
