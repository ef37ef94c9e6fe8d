import csv
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT
from unet import checkpoint, metrics, prediction, report, rle, synthetic
from unet.cli import main as cli
from unet.image import RULE
from unet.segmenter import Segmenter

THRESHOLD = 0.47
TRAIN, VAL = ["s0", "s1", "s2"], ["s3", "s4", "gone"]
CLAIM = {"metric": "mAP", "value": 0.5, "split": "val", "count": 2, "threshold": THRESHOLD}


@pytest.fixture(scope="module")
def weights(tmp_path_factory, small_model):
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    card = {"threshold": THRESHOLD, "input": RULE, "split": {"by": "section", "train": TRAIN, "val": VAL}}
    checkpoint.save(path, small_model, card)
    return path


@pytest.fixture
def folder(tmp_path):
    """Five images of two sizes."""
    place = tmp_path / "images"
    place.mkdir()
    for index in range(5):
        image, _ = synthetic.section(index, 40, 50 if index < 3 else 33)
        Image.fromarray(image).save(place / f"s{index}.png")
    return place


@pytest.fixture
def run(weights, capsys, monkeypatch, tmp_path):
    """Runs ``predict`` in this process: status and stderr."""
    monkeypatch.chdir(tmp_path)

    def command(*words, name="predict"):
        status = cli.main([name, *map(str, words), "--weights", str(weights)])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        run.out = captured.out
        return status, captured.err

    return command


def refused(run, *words, name="predict"):
    """The one sentence of a command that ends with status 2."""
    status, err = run(*words, name=name)
    assert status == 2
    assert err.startswith(f"{name}: ")
    assert err.count("\n") == 1
    return err


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def submission(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


class TestPredict:
    def test_masks_probabilities_and_submission(self, run, folder, weights, tmp_path):
        out = tmp_path / "new" / "out"
        status, err = run(folder, "--out", out, "--probability", "--csv", tmp_path / "all.csv")
        assert status == 0
        assert re.fullmatch(r"5 images in \d+\.\d s, \d+% of it in the network\n", err)
        assert sorted(contents(out)) == sorted(f"s{i}{suffix}" for i in range(5) for suffix in (".png", ".npy"))
        segmenter = Segmenter.load(weights)
        rows = submission(tmp_path / "all.csv")
        assert rows[0] == ["id", "rle_mask"]
        assert [row[0] for row in rows[1:]] == ["s0", "s1", "s2", "s3", "s4"]
        for stem, runs in rows[1:]:
            probability = np.load(out / f"{stem}.npy")
            assert probability.dtype == np.float32
            expected = segmenter.probability(np.asarray(Image.open(folder / f"{stem}.png")))
            np.testing.assert_allclose(probability, expected, atol=1e-5)
            image = Image.open(out / f"{stem}.png")
            assert image.mode == "L"
            mask = np.asarray(image)
            np.testing.assert_array_equal(mask, np.where(probability > np.float32(THRESHOLD), 255, 0))
            assert runs == rle.encode(mask == 255)
        assert len({runs for _, runs in rows}) > 2  # the masks are not all alike

    def test_threshold_tta_and_fast(self, run, folder, weights, tmp_path):
        options = ("--tta", "--fast", "--threshold", "0.3", "--probability")
        assert run(folder / "s0.png", "--out", tmp_path / "out", *options)[0] == 0
        image = np.asarray(Image.open(folder / "s0.png"))
        expected = Segmenter.load(weights, fast=True).probability(image, tta=True)
        np.testing.assert_allclose(np.load(tmp_path / "out" / "s0.npy"), expected, atol=1e-5)
        mask = np.asarray(Image.open(tmp_path / "out" / "s0.png")) == 255
        np.testing.assert_array_equal(mask, metrics.mask(np.load(tmp_path / "out" / "s0.npy"), 0.3))

    def test_files_folders_and_zips_together(self, run, folder, tmp_path):
        image, _ = synthetic.section(9, 30, 30)
        np.save(tmp_path / "array.npy", image)
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.write(folder / "s0.png", "images/zipped.png")
            archive.writestr("masks/zipped.png", b"")
        assert run(tmp_path / "array.npy", folder, tmp_path / "a.zip", "--out", tmp_path / "out")[0] == 0
        assert sorted(contents(tmp_path / "out")) == [
            f"{s}.png" for s in ("array", "s0", "s1", "s2", "s3", "s4", "zipped")
        ]
        assert Image.open(tmp_path / "out" / "s4.png").size == (33, 40)

    def test_large_images_do_not_share_a_group(self, run, folder, tmp_path, monkeypatch):
        run(folder, "--out", tmp_path / "one", "--probability")
        monkeypatch.setattr(prediction, "CHUNK_PIXELS", 1)
        run(folder, "--out", tmp_path / "two", "--probability")
        for index in range(5):
            one, two = (np.load(tmp_path / out / f"s{index}.npy") for out in ("one", "two"))
            np.testing.assert_allclose(one, two, atol=1e-5)

    def test_what_cannot_be_read_is_named_and_the_rest_is_done(self, run, folder, tmp_path):
        whole = (folder / "s0.png").read_bytes()
        (folder / "short.png").write_bytes(whole[: len(whole) // 2])
        (folder / "empty.jpg").write_bytes(b"")
        np.save(folder / "nan.npy", np.full((20, 20), np.nan))
        Image.new("L", (50, 1)).save(folder / "thin.png")
        (tmp_path / "bad.zip").write_bytes(b"PK")
        (tmp_path / "bare").mkdir()
        inputs = (folder, tmp_path / "bad.zip", tmp_path / "bare")
        status, err = run(*inputs, "--out", tmp_path / "out", "--csv", tmp_path / "a.csv")
        assert status == 1
        *problems, summary = err.splitlines()
        for name, reason in {
            "short.png": "damaged or cut short",
            "empty.jpg": "the file is empty",
            "nan.npy": "finite values",
            "thin.png": "at least 16 x 16 pixels, got 1 x 50",
            "bad.zip": "not a readable zip",
            "bare": "no images in it that can be read (PNG, JPEG,",
        }.items():
            assert [line for line in problems if f"{name}: " in line and reason in line], name
        assert len(problems) == 6
        assert summary.startswith("5 images in")
        assert summary.endswith("; 6 could not be done")
        assert sorted(contents(tmp_path / "out")) == [f"s{i}.png" for i in range(5)]
        assert len(submission(tmp_path / "a.csv")) == 6

    def test_nothing_outside_the_folder_is_touched(self, run, folder, tmp_path):
        content = (folder / "s0.png").read_bytes()
        names = [
            "../up.png", "/tmp/absolute.png", "..\\back.png", "C:\\drive.png", "nul\0byte.png", "CON.png",
            "line\nbreak.png", "x" * 245 + ".png", "y" * 240 + ".png", "images/../../z.png", "[red]{0}%s.png",
            "=1+1.png",
        ]  # fmt: skip
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for name in names:
                archive.writestr(zipfile.ZipInfo(name), content)
        before = {path for path in tmp_path.rglob("*") if path.is_file()}
        status, err = run(tmp_path / "a.zip", "--out", tmp_path / "deep" / "out", "--csv", tmp_path / "deep.csv")
        assert status == 1
        assert "line\\nbreak.png: its name holds characters that cannot be in a file name" in err
        assert "longer than 240 bytes" in err
        out = tmp_path / "deep" / "out"
        after = {path for path in tmp_path.rglob("*") if path.is_file()} - before
        assert after == {tmp_path / "deep.csv", *out.iterdir()}
        stems = {"up", "absolute", "back", "drive", "CON", "y" * 240, "z", "[red]{0}%s", "=1+1"}
        assert stems <= {path.stem for path in out.iterdir()}
        assert not Path("/tmp/absolute.png").exists()
        assert {row[0] for row in submission(tmp_path / "deep.csv")[1:]} >= stems

    def test_names_that_windows_keeps_for_itself(self):
        for stem in ("CON", "nul.old", "com1", "a:b", "what?"):
            assert prediction.refusal(stem, windows=True)
            assert prediction.refusal(stem, windows=False) is None
        assert prediction.refusal("console", windows=True) is None
        assert prediction.refusal("\udcff")

    def test_skip_existing_writes_nothing_twice(self, run, folder, tmp_path):
        out = tmp_path / "out"
        run(folder, "--out", out, "--csv", tmp_path / "whole.csv")
        whole = contents(out)
        for name in ("s1.png", "s4.png"):
            (out / name).unlink()
        os.utime(out / "s0.png", ns=(1, 1))
        (out / "s2.png").write_bytes(whole["s2.png"][:-20])  # damaged; what it says of itself is whole
        status, err = run(folder, "--out", out, "--csv", tmp_path / "again.csv", "--skip-existing")
        assert status == 0
        assert err.startswith("3 images in")  # the CSV needs s2, so it is done again
        assert "; 2 were there already; 1 were there, but made of something else" in err
        assert contents(out) == whole
        assert (out / "s0.png").stat().st_mtime_ns == 1
        assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()

    def test_skip_existing_wants_every_file(self, run, folder, tmp_path):
        run(folder, "--out", tmp_path / "out")
        _, err = run(folder, "--out", tmp_path / "out", "--probability", "--skip-existing")
        assert err.startswith("5 images in")
        _, err = run(folder, "--out", tmp_path / "out", "--probability", "--skip-existing")
        assert err.startswith("0 images in")

    def test_skip_existing_makes_again_what_was_made_of_something_else(self, run, folder, tmp_path):
        out = tmp_path / "out"
        run(folder, "--out", out, "--probability")
        before = contents(out)
        Image.fromarray(synthetic.section(7, 40, 50)[0]).save(folder / "s1.png")
        assert "1 were there, but made of something else" in run(folder, "--out", out, "--skip-existing")[1]
        assert {name for name, content in contents(out).items() if content != before[name]} == {"s1.png"}
        assert run(folder, "--out", out, "--skip-existing")[1].startswith("0 images in")
        assert run(folder, "--out", out, "--skip-existing", "--tta")[1].startswith("5 images in")
        assert run(folder, "--out", out, "--skip-existing", "--tta", "--threshold", "0.3")[1].startswith("5 images")

    def test_what_this_program_did_not_write_is_replaced_only_when_asked(self, run, folder, tmp_path):
        out = tmp_path / "masks"
        out.mkdir()
        Image.fromarray(np.full((40, 50), 255, np.uint8)).save(out / "s1.png")  # somebody's label
        np.save(out / "s4.npy", np.zeros(3))
        (tmp_path / "labels.csv").write_text("id,rle_mask\ns0,1 2\n")
        before = contents(out)
        words = ("--out", out, "--probability", "--csv", tmp_path / "labels.csv")
        assert "s1.png and 2 more files are there already" in refused(run, folder, *words)
        assert "--overwrite" in refused(run, folder, "--out", out)
        assert contents(out) == before
        assert (tmp_path / "labels.csv").read_text() == "id,rle_mask\ns0,1 2\n"
        assert run(folder, "--out", out, "--skip-existing")[1].startswith("4 images in")
        assert contents(out)["s1.png"] == before["s1.png"]
        assert run(folder, *words, "--overwrite")[0] == 0
        assert len(submission(tmp_path / "labels.csv")) == 6
        done = contents(out)
        assert run(folder, *words)[0] == 0  # all of it is its own now, the CSV too
        assert contents(out) == done
        np.save(out / "s0.npy", np.zeros(3))
        assert "s0.npy is there already" in refused(run, folder, *words)

    def test_what_is_left_out_is_said(self, run, folder, tmp_path):
        (folder / "line").mkdir()
        for name, kind in (("b.bmp", "BMP"), ("w.webp", "WEBP"), ("j.jfif", "JPEG"), ("line/g.gif", "GIF")):
            Image.open(folder / "s0.png").save(folder / name, kind)
        (folder / "notes.txt").write_text("a text is no image")
        status, err = run(folder, "--out", tmp_path / "out")
        assert (status, err.count("\n")) == (0, 1)
        assert {"b.png", "w.png", "j.png", "g.png"} < contents(tmp_path / "out").keys()
        np.savez(folder / "line" / "n.npz", a=np.zeros((40, 50)))
        (folder / "cube.sgy").write_bytes(b"")
        status, err = run(folder, "--out", tmp_path / "out")
        assert status == 1
        assert f"{folder / 'cube.sgy'}, {folder / 'line' / 'n.npz'}: left out; expected PNG, JPEG," in err
        assert err.endswith("; 2 files were left out\n")

    def test_masks_beside_their_images_are_no_images(self, run, folder, tmp_path):
        Image.open(folder / "s0.png").save(folder / "s0_mask.gif")
        status, err = run(folder, "--out", tmp_path / "out")
        assert status == 0
        assert f"1 masks beside their images, first {folder / 's0_mask.gif'}, were left out" in err
        assert len(contents(tmp_path / "out")) == 5

    def test_what_was_guessed_is_said_once_for_all_images(self, run, tmp_path):
        image, _ = synthetic.section(5, 40, 50)
        for name, array in {"a": image, "b": image[::-1]}.items():
            np.save(tmp_path / f"{name}.npy", (array.astype(np.int16) - 128).astype(np.int8))
        np.save(tmp_path / "c.npy", np.pad(image, ((0, 0), (20, 0)), constant_values=255))
        inputs = [tmp_path / f"{name}.npy" for name in "abc"]
        status, err = run(*inputs, "--out", tmp_path / "out", "--threshold", "0.01")
        assert status == 0
        assert f"2 images, first {tmp_path / 'a.npy'}: signed bytes: -128 was taken as black" in err
        assert f"{tmp_path / 'c.npy'}: an area of one grey at the edge" in err
        mask = np.asarray(Image.open(tmp_path / "out" / "c.png"))
        assert not mask[:, :20].any()
        assert mask[:, 20:].any()

    def test_a_full_disk_ends_with_one_sentence(self, run, folder, tmp_path, monkeypatch):
        def full(path, write):
            raise OSError(28, "No space left on device", str(path))

        monkeypatch.setattr(prediction, "write_atomically", full)
        status, err = run(folder, "--out", tmp_path / "out")
        assert status == 1
        assert re.fullmatch(r"predict: stopped, .*s0\.png cannot be written \(No space left on device\)\n", err)


class TestPredictRefuses:
    def test_missing_input(self, run, folder, tmp_path):
        assert "gone.png: no such file or folder" in refused(run, folder, "gone.png", "--out", tmp_path / "out")
        assert not (tmp_path / "out").exists()
        assert "cannot be opened (File name too long)" in refused(run, "long" * 100, "--out", tmp_path / "out")

    def test_no_images_at_all(self, run, tmp_path):
        (tmp_path / "bare").mkdir()
        assert "no images in it that can be read (PNG, JPEG, TIFF," in refused(run, tmp_path / "bare", "--out", "out")

    @pytest.mark.parametrize("name", ["s0.tif", "S0.npy"])
    def test_one_stem_twice(self, run, folder, tmp_path, name):
        (tmp_path / name).write_bytes(b"")
        message = refused(run, folder, tmp_path / name, "--out", "out")
        assert str(folder / "s0.png") in message
        assert str(tmp_path / name) in message

    def test_a_mask_over_its_image(self, run, folder):
        before = contents(folder)
        assert "s0.png stands in" in refused(run, folder, "--out", folder)
        assert "choose another folder" in refused(run, folder / "s0.png", "--out", folder / ".." / "images")
        assert contents(folder) == before

    def test_folders_that_cannot_be(self, run, folder, tmp_path):
        (tmp_path / "file").write_bytes(b"")
        assert "cannot be made a folder" in refused(run, folder, "--out", tmp_path / "file")
        assert "cannot be made a folder" in refused(run, folder, "--out", tmp_path / "file" / "below")
        (tmp_path / "loop").symlink_to("loop")
        assert "cannot be made a folder" in refused(run, folder, "--out", tmp_path / "loop")

    def test_csv_that_cannot_be(self, run, folder, tmp_path):
        assert "does not exist" in refused(run, folder, "--out", "out", "--csv", tmp_path / "gone" / "a.csv")
        assert "cannot be written" in refused(run, folder, "--out", "out", "--csv", tmp_path)
        assert "another name" in refused(run, folder, "--out", "out", "--csv", folder / "s0.png")
        assert "another name" in refused(run, folder, "--out", "out", "--csv", Path("out") / "s0.png")

    def test_bad_weights(self, folder, weights, tmp_path, capsys):
        damaged = tmp_path / "damaged.safetensors"
        damaged.write_bytes(weights.read_bytes()[:-1])
        damaged.with_suffix(".json").write_bytes(weights.with_suffix(".json").read_bytes())
        for path in (damaged, tmp_path / "gone.safetensors", tmp_path, Path("/")):
            assert cli.main(["predict", str(folder), "--out", str(tmp_path / "o"), "--weights", str(path)]) == 2
            err = capsys.readouterr().err
            assert err.startswith("predict: ")
            assert err.count("\n") == 1

    @pytest.mark.parametrize("threshold", ["0", "1", "nan", "-1", "half"])
    def test_threshold(self, run, folder, threshold, capsys):
        with pytest.raises(SystemExit) as caught:
            run(folder, "--out", "out", "--threshold", threshold)
        assert caught.value.code == 2
        assert "argument --threshold: " in capsys.readouterr().err


class TestEvaluate:
    @pytest.fixture
    def data(self, tmp_path):
        for part in ("images", "masks"):
            (tmp_path / "data" / part).mkdir(parents=True)
        for index in range(6):
            image, mask = synthetic.section(index, 32, 40)
            Image.fromarray(image).save(tmp_path / "data" / "images" / f"s{index}.png")
            Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "data" / "masks" / f"s{index}.png")
        return tmp_path / "data"

    @pytest.fixture
    def claiming(self, weights, tmp_path):
        """The same network with other entries in its card."""

        def write(**entries):
            model, card = checkpoint.load(weights)
            path = tmp_path / "claiming.safetensors"
            checkpoint.save(path, model, {**card, **entries})
            return path

        return write

    @pytest.mark.parametrize(
        ("split", "seeds", "missing"),
        [("val", [3, 4], 1), ("train", [0, 1, 2], 0), ("all", [0, 1, 2, 3, 4, 5], 0)],
    )
    def test_the_report_says_which_network_and_tiles_it_is_of(
        self, run, data, weights, tmp_path, split, seeds, missing
    ):
        status, err = run(data, "--split", split, "--json", tmp_path / "a.json", name="evaluate")
        assert status == 0
        assert (f"{missing} tiles of split {split} are not in" in err) == bool(missing)
        segmenter = Segmenter.load(weights)
        images, masks = zip(*(synthetic.section(seed, 32, 40) for seed in seeds), strict=True)
        ways = {name: segmenter.probabilities(images, tta) for name, tta in (("plain", False), ("tta", True))}
        found = json.loads((tmp_path / "a.json").read_text())
        assert list(found) == [
            "name", "weights", "sha256", "parameters", "threshold", "temperature", "split", "missing", "count",
            "scores", "best_threshold", "coverage", "sections", "thresholds", "calibration",
            "calibration_uncorrected", "worst",
        ]  # fmt: skip
        assert {key: found[key] for key in list(found)[:9]} == {
            "name": "small",
            "weights": str(weights),
            "sha256": segmenter.card.sha256,
            "parameters": segmenter.card.parameters,
            "threshold": THRESHOLD,
            "temperature": 1.0,
            "split": split,
            "missing": missing,
            "count": len(seeds),
        }
        assert set(found["best_threshold"]) == {"plain", "tta"}
        unseen_sections = synthetic.sections(200, 1_000_000_000)
        unseen = segmenter.probabilities(list(unseen_sections[0]))
        assert found["scores"].keys() == {*ways, "synthetic"}
        assert found["scores"]["synthetic"] == metrics.evaluate(unseen, list(unseen_sections[1]), THRESHOLD)
        for name, probabilities in ways.items():
            assert found["scores"][name] == pytest.approx(metrics.evaluate(probabilities, masks, THRESHOLD))
            assert found["best_threshold"][name] == metrics.best_threshold(probabilities, masks)
        assert found["scores"]["plain"]["calibration_error"] != found["scores"]["tta"]["calibration_error"]
        assert found["sections"] == []
        assert sorted(tile["id"] for tile in found["worst"]) == [f"s{seed}" for seed in seeds]

    @pytest.mark.parametrize("temperature", [1, 0.4])
    @pytest.mark.parametrize("claim", [None, {**CLAIM, "tta": False}, {**CLAIM, "tta": True}])
    def test_the_report_is_taken_the_way_the_claim_is_made(self, run, data, claiming, tmp_path, claim, temperature):
        path = claiming(claim=claim, temperature=temperature)
        (data / "sections.csv").write_text("id,section\ns0,1\ns3,2\ns5,2\nelsewhere,3\n")
        words = ("evaluate", data, "--split", "all", "--weights", path, "--json", tmp_path / "a.json")
        assert cli.main([*map(str, words)]) == 0
        found = json.loads((tmp_path / "a.json").read_text())
        segmenter, tta = Segmenter.load(path), bool(claim and claim["tta"])
        assert (segmenter.temperature, found["temperature"]) == (temperature, temperature)
        images, masks = zip(*(synthetic.section(seed, 32, 40) for seed in range(6)), strict=True)
        claimed = segmenter.probabilities(images, tta)
        uncorrected = segmenter.at_temperature(1.0).probabilities(images, tta)
        ids = [f"s{seed}" for seed in range(6)]
        expected = {
            "coverage": report.by_coverage(claimed, masks, THRESHOLD),
            "sections": report.by_section(ids, claimed, masks, THRESHOLD, {"s0", "s3", "s5"}),
            "thresholds": report.by_threshold(claimed, masks),
            "calibration": report.calibration(claimed, masks),
            "calibration_uncorrected": report.calibration(uncorrected, masks),
            "worst": report.worst(ids, claimed, masks, THRESHOLD),
        }
        for name, rows in expected.items():
            assert len(found[name]) == len(rows)
            for got, row in zip(found[name], rows, strict=True):
                assert got == pytest.approx(row), name
        assert [group["count"] for group in found["sections"]] == [3, 3]
        assert (found["calibration"] == found["calibration_uncorrected"]) == (temperature == 1)

    def test_weights_below_the_folder_are_named_from_there(self, run, data, claiming, tmp_path):
        path = claiming()  # in tmp_path, where ``run`` works
        assert cli.main(["evaluate", str(data), "--weights", str(path), "--json", "a.json"]) == 0
        assert json.loads((tmp_path / "a.json").read_text())["weights"] == "claiming.safetensors"

    @pytest.mark.parametrize("tta", [False, True])
    def test_the_tables_are_of_the_way_asked_for(self, data, capsys, claiming, tta):
        path = claiming(claim={**CLAIM, "tta": not tta}, temperature=0.4)
        (data / "sections.csv").write_text("id,section\ns0,1\n")
        words = ["evaluate", str(data), "--weights", str(path), "--split", "all", *(["--tta"] if tta else [])]
        assert cli.main(words) == 0
        out = capsys.readouterr().out
        assert ("flip TTA" in out) == tta
        assert "Split all, threshold 0.47 and temperature 0.4 as in the card" in out
        assert "6 images of all" in out
        assert "7,680 pixels of all" in out
        assert "The weights were trained on 3 of these tiles." in out

        def row(name):
            (line,) = (line for line in out.splitlines() if name in line)
            return line.replace("│", " ").split()

        images, masks = zip(*(synthetic.section(seed, 32, 40) for seed in range(6)), strict=True)
        probabilities = Segmenter.load(path).probabilities(images, tta)
        assert row("Calibration error")[2] == f"{metrics.calibration_error(probabilities, masks):.4f}"
        ids = [f"s{seed}" for seed in range(6)]
        coverage = report.by_coverage(probabilities, masks, THRESHOLD)
        sections = report.by_section(ids, probabilities, masks, THRESHOLD, {"s0"})
        assert len(coverage) > 1
        assert len(sections) == 2
        for group in (*coverage, *sections):
            values = [str(group["count"]), *(f"{group[score]:.4f}" for score in ("mAP", "iou", "dice"))]
            assert row(f" {group['name']} ")[-4:] == values
        worst = report.worst(ids, probabilities, masks, THRESHOLD)
        for tile in worst[:5]:
            shares = [f"{tile[share]:.1%}" for share in ("salt_share", "predicted_share")]
            assert row(tile["id"]) == [tile["id"], f"{tile['score']:.1f}", f"{tile['iou']:.4f}", *shares]
        assert worst[5]["id"] not in out

    def test_without_sections_and_temperature_nothing_is_said_of_them(self, data, capsys, weights):
        assert cli.main(["evaluate", str(data), "--weights", str(weights), "--split", "all"]) == 0
        out = capsys.readouterr().out
        assert "Split all, threshold 0.47 as in the card" in out
        assert "section" not in out

    def test_the_report_does_not_take_the_place_of_the_weights(self, data, claiming, capsys):
        path = claiming()
        for file in (path, path.with_suffix(".json")):
            before = file.read_bytes()
            assert cli.main(["evaluate", str(data), "--weights", str(path), "--json", str(file)]) == 2
            assert "belongs to the weights; choose another name" in capsys.readouterr().err
            assert file.read_bytes() == before

    def test_a_report_replaces_a_report_and_nothing_else(self, run, data, tmp_path):
        (tmp_path / "a.json").write_text('{"mine": 1}')
        words = (data, "--json", tmp_path / "a.json")
        assert "a.json is there already" in refused(run, *words, name="evaluate")
        assert (tmp_path / "a.json").read_text() == '{"mine": 1}'
        assert run(*words, "--overwrite", name="evaluate")[0] == 0
        assert run(*words, name="evaluate")[0] == 0
        assert json.loads((tmp_path / "a.json").read_text())["split"] == "val"

    def test_sections_that_are_none(self, run, data):
        (data / "sections.csv").write_text("tile,line\n")
        assert "expected the columns id and section" in refused(run, data, name="evaluate")

    def test_no_tile_of_the_split(self, run, data):
        for part in ("images", "masks"):
            for name in ("s3.png", "s4.png"):
                (data / part / name).unlink()
        assert "--split all" in refused(run, data, name="evaluate")

    def test_no_split_in_the_card(self, data, small_weights, capsys):
        assert cli.main(["evaluate", str(data), "--weights", str(small_weights)]) == 2
        assert "--split all" in capsys.readouterr().err
        assert cli.main(["evaluate", str(data), "--weights", str(small_weights), "--split", "all"]) == 0

    def test_data_that_is_none(self, run, data, tmp_path):
        assert "no such file or folder" in refused(run, tmp_path / "gone", name="evaluate")
        (data / "masks" / "s3.png").unlink()
        assert "have no mask" in refused(run, data, name="evaluate")
        (data / "masks" / "s3.png").write_bytes(b"")
        assert "s3.png: the file is empty" in refused(run, data, name="evaluate")
        assert "does not exist" in refused(run, data, "--json", tmp_path / "gone" / "a.json", name="evaluate")


def test_bench_prints_the_ratios(run, capsys, weights, monkeypatch, small_model):
    monkeypatch.setattr(cli.bench, "MILESIAL", small_model.config)  # the real one takes seconds
    assert cli.main(["bench", "--weights", str(weights), "--tiles", "2", "--repeats", "1"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"shipped network is \d+\.\d times as fast as milesial's at equal precision", out)
    assert re.search(r"\d+ threads, torch \d", out)
    assert out.count(f"{sum(p.numel() for p in small_model.parameters()):,}") == 3


def test_a_usage_error_as_a_user_meets_it(tmp_path):
    command = [sys.executable, "-m", "unet", "predict", "gone", "--out", str(tmp_path / "out")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (result.returncode, result.stdout, result.stderr) == (2, "", "predict: gone: no such file or folder\n")


def test_the_script_has_the_same_door():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"salt-unet": "unet.__main__:main"}
