import signal
import sys

import pytest

from reliability import predict
from unet.cli import main as cli


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return predict.draw(tmp_path_factory.mktemp("drawn") / "images", 140)


@pytest.fixture(scope="module")
def whole(images, tmp_path_factory):
    """What an undisturbed run leaves; in this process, because another one takes seconds to begin."""
    place = tmp_path_factory.mktemp("whole")
    status = cli.main([str(word) for word in predict.words(images, place)])
    return predict.Result(status, "", predict.contents(place / "out"), (place / "all.csv").read_bytes())


def test_an_undisturbed_run(whole):
    assert whole.status == 1  # one file is no image
    assert len(whole.files) == 280
    assert whole.csv.count(b"\n") == 141


def test_killed_interrupted_and_started_again_it_leaves_the_same(images, whole, tmp_path):
    before = 0
    for stop in (signal.SIGKILL, signal.SIGINT):
        process = predict.start(predict.MODULE, *predict.words(images, tmp_path))
        predict.wait(lambda before=before: len(predict.contents(tmp_path / "out")) > before, process)
        process.send_signal(stop)
        result = predict.ended(process, tmp_path)
        if stop == signal.SIGKILL:
            assert result.status == -signal.SIGKILL, "it was done before it could be stopped"
        else:
            assert predict.in_one_line(result, whole)
            assert result.status == 130
        assert before < len(result.files) < len(whole.files)
        assert result.csv is None
        before = len(result.files)
    status = cli.main([str(word) for word in predict.words(images, tmp_path)])
    csv = (tmp_path / "all.csv").read_bytes()
    assert predict.same(predict.Result(status, "", predict.contents(tmp_path / "out"), csv), whole)


@pytest.mark.parametrize("door", [predict.MODULE, predict.SCRIPT])
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows which libraries a process has loaded")
def test_ctrl_c_while_pytorch_loads_is_one_line(images, tmp_path, door):
    result = predict.interrupted(door, images, tmp_path, moment=0)
    assert result == predict.Result(130, "interrupted before anything was done\n", {}, None)


def test_a_background_job_stays_deaf_to_ctrl_c(tmp_path):
    deaf = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    process = predict.start(predict.MODULE, "predict", "gone", "--out", tmp_path / "out", wrapper=deaf)
    predict.wait(lambda: False, process, seconds=0.1)
    process.send_signal(signal.SIGINT)
    assert predict.ended(process, tmp_path).said == "predict: gone: no such file or folder\n"


@pytest.mark.skipif(not predict.has_small_disks(), reason="this machine lets no process mount a disk")
def test_a_full_disk_ends_with_one_sentence_and_whole_files(images, whole, tmp_path):
    result = predict.starved(tmp_path, ["predict", images, "--probability", "--out", "out"])
    assert result.status == 1
    assert predict.one_sentence(result, "cannot be written (No space left on device)")
    assert str(tmp_path / "disk" / "out") in result.said
    assert 0 < len(result.files) < len(whole.files)
    assert all(whole.files[name] == content for name, content in result.files.items())


@pytest.mark.skipif(not predict.has_small_disks(), reason="this machine lets no process mount a disk")
def test_a_read_only_disk_is_noticed_before_the_work(images, tmp_path):
    result = predict.starved(tmp_path, ["predict", images, "--out", "out"], read_only=True)
    assert (result.status, result.files) == (2, {})
    assert result.said == "predict: out: this folder cannot be written to\n"


def test_a_result_that_differs_is_not_the_same(whole):
    name, content = next(iter(whole.files.items()))
    for files in ({**whole.files, name: content[:-1]}, {**whole.files, f"{name}.tmp": b""}):
        changed = predict.Result(whole.status, "", files, whole.csv)
        assert not predict.same(changed, whole)
        assert not predict.in_one_line(predict.Result(130, "interrupted\n", files, None), whole)
    half = dict(list(whole.files.items())[:5])
    assert predict.in_one_line(predict.Result(130, "predict: interrupted\n", half, None), whole)
    assert not predict.in_one_line(predict.Result(130, "Traceback\ninterrupted\n", half, None), whole)
    assert not predict.in_one_line(predict.Result(1, "predict: interrupted\n", half, None), whole)
