"""``python -m unet segy predict``: what it writes, what it leaves out, and what is left of it after a kill."""

import filecmp
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import zarr
from distributed import LocalCluster

from tests.seismic.surveys import CROSSLINES, INLINES, amplitudes, headers, read_cube, write_segy
from tests.servers import ROOT
from unet import Segmenter
from unet.amplitude import Limits
from unet.cli import main as cli
from unet.cli.segy import options
from unet.seismic import blocks
from unet.seismic.scales import find_scale
from unet.seismic.section import SectionSettings, predict_section
from unet.seismic.segy import SegyFile

CUBE = amplitudes()
LIMITS = Limits(-2000.0, 1500.0)
LIMITS_OPTION = ["--amplitude-limits", "-2000", "1500"]
SLOW = ["--scale-time", "12", "--scale-trace", "12"]  # tiles enough that a kill comes in the middle
WITHOUT = {(1, 4), (4, 0), (4, 1)}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, small_weights):
    """A folder with the cube and small.safetensors to work in."""
    monkeypatch.chdir(tmp_path)
    write_segy(tmp_path / "cube.sgy", CUBE)
    return tmp_path


def words(source, out, *given):
    command = ["segy", "predict", str(source), "--out", str(out), "--weights", "small.safetensors", *LIMITS_OPTION]
    return [*command, *given] if "--scheduler" in given else [*command, "--workers", "1", *given]


def predict(*given):
    return cli.main(words(*given))


def expected(cube=CUBE, across=False, **settings):
    """Section after section by the functions that others test, with nothing in between."""
    segmenter = Segmenter.load("small.safetensors")
    sections = cube.swapaxes(0, 1) if across else cube
    answers = np.stack([predict_section(segmenter, one.T, SectionSettings(LIMITS, **settings)).T for one in sections])
    return answers.swapaxes(0, 1) if across else answers


def stored(path):
    return zarr.open_group(path, mode="r")["probability"][:]


def same_store(one, other):
    """Whether two folders hold the same files with the same bytes."""
    compared = filecmp.dircmp(one, other)
    names = compared.common_files
    return (
        not compared.left_only
        and not compared.right_only
        and filecmp.cmpfiles(one, other, names, shallow=False)[0] == names
        and all(same_store(one / name, other / name) for name in compared.common_dirs)
    )


@pytest.mark.parametrize("format", [1, 5])
@pytest.mark.parametrize(("sorting", "missing"), [("inline", ()), ("crossline", ()), ("crossline", WITHOUT)])
def test_every_header_byte_is_kept_and_samples_are_the_probability(here, format, sorting, missing):
    source = write_segy(here / "in.sgy", CUBE, sorting=sorting, format=format, missing=missing)
    assert predict("in.sgy", "out.sgy", "--zarr", "out.zarr") == 0
    (before, of_traces), (after, others) = headers(source, 64), headers(here / "out.sgy", 64)
    assert before == after
    np.testing.assert_array_equal(of_traces, others)
    cube = CUBE.copy()
    for cell in missing:
        cube[cell] = np.nan
    np.testing.assert_allclose(stored("out.zarr"), expected(cube), atol=1e-5)
    assert np.isnan(stored("out.zarr")).all(axis=-1).sum() == len(missing)
    if not missing:
        np.testing.assert_allclose(read_cube(here / "out.sgy"), stored("out.zarr"), rtol=1e-6 if format == 1 else 0)
    assert not (here / "out.sgy.part.zarr").exists()


def test_the_store_says_where_it_is_and_what_it_was_made_of(here):
    assert predict("cube.sgy", "out.sgy", "--zarr", "out.zarr", "--polarity", "both", "--tta") == 0
    group = zarr.open_group("out.zarr", mode="r")
    np.testing.assert_array_equal(group["inline"], INLINES + np.arange(6))
    np.testing.assert_array_equal(group["crossline"], CROSSLINES + 2 * np.arange(20))
    np.testing.assert_array_equal(group["sample"], 4.0 * np.arange(64))
    np.testing.assert_array_equal(group["coordinates"][2, 3], [600_050, 6_000_075])
    assert group["probability"].metadata.dimension_names == ("inline", "crossline", "sample")
    attributes = group.attrs.asdict()
    assert attributes["limits"] == list(LIMITS)
    assert (attributes["polarity"], attributes["tta"], attributes["scales"]) == ("both", True, [[1.0, 1.0]])
    assert attributes["source"]["name"] == "cube.sgy"
    facts = json.loads((here / "out.sgy.json").read_text())
    assert facts["weights"] == attributes["weights"]
    np.testing.assert_allclose(facts["salt"], (stored("out.zarr") > 0.5).mean())
    np.testing.assert_allclose(stored("out.zarr"), expected(polarity="both", tta=True), atol=1e-5)
    page = (here / "out.sgy.html").read_text()
    assert page.count("<img") == 9  # three inlines, three crosslines, three time slices
    assert "Nothing." in page


def test_crosslines_and_the_mean_of_both(here):
    assert predict("cube.sgy", "across.sgy", "--zarr", "across.zarr", "--direction", "crossline") == 0
    assert predict("cube.sgy", "both.sgy", "--zarr", "both.zarr", "--direction", "both") == 0
    across = expected(across=True)
    np.testing.assert_allclose(stored("across.zarr"), across, atol=1e-5)
    np.testing.assert_allclose(stored("both.zarr"), (across + expected()) / 2, atol=1e-5)


def test_one_cube_sorted_in_two_ways_has_one_answer(here):
    write_segy(here / "other.sgy", CUBE, sorting="crossline", missing=WITHOUT)
    write_segy(here / "cube.sgy", CUBE, missing=WITHOUT)
    for name in ("cube", "other"):
        assert predict(f"{name}.sgy", f"{name}.out.sgy", "--zarr", f"{name}.zarr") == 0
    np.testing.assert_array_equal(stored("cube.zarr"), stored("other.zarr"))


def test_several_scales_are_averaged(here):
    assert predict("cube.sgy", "out.npy", "--scale-time", "1", "2", "--scale-trace", "1", "0.9") == 0
    scales = ((1.0, 1.0), (1.0, 0.9), (2.0, 1.0), (2.0, 0.9))
    np.testing.assert_allclose(np.load("out.npy"), expected(scales=scales), atol=1e-5)


def test_the_scale_that_a_rule_chooses_is_said_and_kept(here, capsys):
    assert predict("cube.sgy", "out.sgy", "--zarr", "out.zarr", "--scale", "auto") == 0
    scale, sentence = find_scale(Segmenter.load("small.safetensors"), CUBE[3].T, LIMITS)
    assert f"inline 103: {sentence}" in capsys.readouterr().err
    assert zarr.open_group("out.zarr", mode="r").attrs["scales"] == [list(scale)]
    np.testing.assert_allclose(stored("out.zarr"), expected(scales=(scale,)), atol=1e-5)


@pytest.mark.parametrize("array", [CUBE, CUBE[2].T], ids=["cube", "line"])
def test_an_array_gives_an_array_of_its_shape(here, array):
    np.save("in.npy", array)
    assert predict("in.npy", "out.npy") == 0
    assert predict("in.npy", "mask.npy", "--mask", "--threshold", "0.558") == 0
    probability, mask = np.load("out.npy"), np.load("mask.npy")
    cube = array if array.ndim == 3 else array.T[None]
    answer = expected(cube) if array.ndim == 3 else expected(cube)[0].T
    np.testing.assert_allclose(probability, answer, atol=1e-5)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, probability > 0.558)
    assert 0 < mask.mean() < 1


def test_two_runs_give_the_same_bytes(here):
    assert predict("cube.sgy", "a.sgy", "--zarr", "a.zarr") == 0
    assert predict("cube.sgy", "b.sgy", "--zarr", "b.zarr") == 0
    for suffix in (".sgy", ".sgy.json", ".sgy.html"):
        assert (here / f"a{suffix}").read_bytes() == (here / f"b{suffix}").read_bytes()
    assert same_store(here / "a.zarr", here / "b.zarr")


def test_a_killed_run_goes_on_and_repeats_only_what_was_not_done(here, monkeypatch):
    assert predict("cube.sgy", "whole.sgy", "--zarr", "whole.zarr", *SLOW) == 0
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "unet", *words("cube.sgy", "out.sgy", "--zarr", "out.zarr", *SLOW)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    done = wait_for(lambda: list(here.glob("out.zarr/probability/done/*.json")), 2)
    process.kill()
    process.wait()
    done = len(list(here.glob("out.zarr/probability/done/*.json"))) if done else 0
    assert 2 <= done < 6
    assert not (here / "out.sgy").exists()
    assert predict("cube.sgy", "out.sgy", "--zarr", "out.zarr", *SLOW) == 2  # a store is there

    computed = []
    original = blocks.predict_section
    monkeypatch.setattr(blocks, "predict_section", lambda *given: computed.append(given) or original(*given))
    assert predict("cube.sgy", "out.sgy", "--zarr", "out.zarr", "--resume", *SLOW) == 0
    assert len(computed) == 6 - done
    assert (here / "out.sgy").read_bytes() == (here / "whole.sgy").read_bytes()
    assert same_store(here / "out.zarr", here / "whole.zarr")
    assert predict("cube.sgy", "out.sgy", "--zarr", "out.zarr", "--resume", *SLOW) == 0  # nothing is left to do
    assert len(computed) == 6 - done


def test_a_worker_of_a_cluster_that_dies_is_replaced(here):
    assert predict("cube.sgy", "whole.sgy", "--zarr", "whole.zarr", *SLOW) == 0
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        killer = threading.Thread(target=kill_one, args=(here, cluster))
        killer.start()
        address = cluster.scheduler_address
        assert predict("cube.sgy", "out.sgy", "--zarr", "out.zarr", "--scheduler", address, *SLOW) == 0
        killer.join()
    assert (here / "out.sgy").read_bytes() == (here / "whole.sgy").read_bytes()
    assert same_store(here / "out.zarr", here / "whole.zarr")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, ""),
        ({"size": 1}, "expected a file of 1 bytes, got one of "),
        ({"source": Path("gone.sgy")}, "gone.sgy: expected the input, got nothing there"),
        ({"store": Path("gone.zarr")}, "gone.zarr: expected predictions in Zarr, got none"),
        ({"sha256": "0"}, "small.safetensors: expected the weights of the job, got others"),
        ({"runtime": "none"}, "expected one of the runtimes"),
    ],
)
def test_a_worker_says_why_it_cannot_do_a_job(here, change, sentence):
    assert predict("cube.sgy", "out.sgy", "--zarr", "out.zarr") == 0
    segmenter, source = Segmenter.load("small.safetensors"), here / "cube.sgy"
    job = blocks.Job(
        source=source,
        size=source.stat().st_size,
        segy=SegyFile.open(source),
        store=here / "out.zarr",
        weights=here / "small.safetensors",
        sha256=segmenter.card.sha256,
        runtime=segmenter.runtime,
        settings=SectionSettings(LIMITS),
        direction="inline",
        tolerant=False,
    )
    found = blocks.check_worker(replace(job, **change))
    assert sentence in found if sentence else found == ""


def kill_one(folder, cluster):
    assert wait_for(lambda: list(folder.glob("out.zarr/probability/done/*.json")), 2)
    os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)


def wait_for(find, count, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if len(find()) >= count:
            return True
        time.sleep(0.005)
    return False


def test_a_damaged_trace_is_named_and_left_out_only_when_asked(here, capsys):
    content = bytearray((here / "cube.sgy").read_bytes())
    trace, sample = 2 * 20 + 7, 30
    byte = 3600 + trace * (240 + 256) + 240 + 4 * sample  # from 0 on
    content[byte : byte + 4] = b"\x7f\xc0\x00\x00"  # NaN
    (here / "cube.sgy").write_bytes(content)
    assert predict("cube.sgy", "out.sgy") == 1
    said = capsys.readouterr().err
    assert f"got NaN or infinity in trace {trace} (inline 102, crossline 314), byte {byte + 1:,}" in said
    assert "--tolerant" in said
    assert not (here / "out.sgy").exists()

    assert predict("cube.sgy", "out.sgy", "--zarr", "out.zarr", "--tolerant") == 1
    assert (
        f"1 damaged traces with NaN or infinite samples were taken as missing: trace {trace}" in capsys.readouterr().err
    )
    facts = json.loads((here / "out.sgy.json").read_text())
    assert facts["damaged_traces"] == [{"inline": 102, "crossline": 314, "trace": trace, "byte": byte + 1}]
    cube = CUBE.copy()
    cube[2, 7] = np.nan
    np.testing.assert_allclose(stored("out.zarr"), expected(cube), atol=1e-5)
    np.testing.assert_array_equal(read_cube(here / "out.sgy")[2, 7], 0)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["--scale-time", "2"], "expected --scale-time and --scale-trace together, got one of them"),
        (["--scale-time", "2", "--scale-trace", "0"], "expected scales from 0.02 to 50, got 0"),
        (["--threshold", "1"], "expected --threshold to be between 0 and 1, got 1"),
        (["--resume", "--overwrite"], "expected --resume or --overwrite, got both"),
        (["--clip-percentile", "1"], "expected --amplitude-limits or --clip-percentile, got both"),
        (["--zarr", "out.sgy"], "expected another name than that of --out"),
        (["--zarr", "no/out.zarr"], "expected a name in a folder that exists, got no; make it first"),
    ],
)
def test_what_cannot_be_asked_for(here, capsys, given, sentence):
    assert predict("cube.sgy", "out.sgy", *given) == 2
    assert sentence in capsys.readouterr().err
    assert sorted(path.name for path in here.iterdir()) == ["cube.sgy", "small.json", "small.safetensors"]


def test_a_package_that_is_missing_is_named(here, capsys, monkeypatch):
    monkeypatch.setattr(options, "find_spec", lambda name: None if name == "distributed" else find_spec(name))
    assert predict("cube.sgy", "out.sgy") == 2
    sentence = "segy predict: expected the package distributed, got none; pip install 'salt-unet[seismic]'\n"
    assert capsys.readouterr().err == sentence


def test_the_command_line_starts_without_the_extra(here):
    code = "import sys; sys.modules.update(zarr=None, scipy=None, distributed=None, dask=None); import unet.cli.main"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_what_cannot_be_read_or_written(here, capsys):
    np.save("in.npy", CUBE)
    assert predict("no.sgy", "out.sgy") == 2
    assert predict("in.npy", "out.sgy") == 2  # an array has no headers
    assert predict("cube.sgy", "cube.sgy", "--overwrite") == 2
    (here / "text.sgy").write_text("no traces\n" * 1000)
    assert predict("text.sgy", "out.sgy") == 1
    (here / "mine").mkdir()
    (here / "mine" / "file.txt").touch()
    assert predict("cube.sgy", "out.sgy", "--zarr", "mine", "--overwrite") == 2  # no folder of somebody else is removed
    assert (here / "mine" / "file.txt").exists()
    assert not (here / "out.sgy").exists()
    assert "Traceback" not in capsys.readouterr().err


def test_a_run_goes_on_only_with_what_it_began_with(here, capsys):
    assert predict("cube.sgy", "out.sgy", "--zarr", "out.zarr") == 0
    (here / "out.sgy").unlink()
    assert predict("cube.sgy", "out.sgy", "--zarr", "out.zarr", "--resume", "--polarity", "both") == 2
    assert "expected a run with the same polarity to go on with, both, got one with normal" in capsys.readouterr().err
    write_segy(here / "cube.sgy", 2 * CUBE)
    assert predict("cube.sgy", "out.sgy", "--zarr", "out.zarr", "--resume") == 2
    assert "expected a run with the same source" in capsys.readouterr().err
    assert predict("cube.sgy", "out.sgy", "--zarr", "out.zarr", "--overwrite") == 0


def test_a_file_that_is_cut_off_is_predicted_and_said(here, capsys):
    content = (here / "cube.sgy").read_bytes()
    (here / "cube.sgy").write_bytes(content[:-100])
    assert predict("cube.sgy", "out.sgy") == 1
    assert "the last trace is cut off: 396 bytes at the end of the file" in capsys.readouterr().err
    assert len((here / "out.sgy").read_bytes()) == len(content) - 496
