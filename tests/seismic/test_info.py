"""``segy info`` says what was put into a file, and what is wrong with it."""

import json

import numpy as np
import pytest
import zarr

from tests.robustness.checks import check_sentence, run_here
from tests.seismic.segy_files import TEXT, grid, segy
from unet.seismic import survey_info as info
from unet.seismic.survey_info import Axis, survey_info
from unet.seismic.volume import open_volume

INTERVAL, FREQUENCY = 2.0, 31.25  # ms, Hz: 16 samples are a period


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def waves(inlines: int, crosslines: int, samples: int = 256) -> np.ndarray:
    """A cube of one frequency with some noise."""
    random = np.random.default_rng(0)
    time = np.arange(samples) * INTERVAL / 1000
    phase = random.uniform(0, 2 * np.pi, (inlines, crosslines, 1))
    cube = 100 * np.sin(2 * np.pi * FREQUENCY * time + phase) + random.normal(0, 5, (inlines, crosslines, samples))
    return cube.astype(np.float32)


def write(here, cube, order=None, present=None, **options):
    """Writes a cube whose inlines are 50 m apart and whose crosslines are 25 m apart."""
    inlines, crosslines, samples = cube.shape
    first, second = grid(300 + np.arange(inlines), 800 + 2 * np.arange(crosslines))
    kept = np.arange(first.size) if present is None else np.flatnonzero(present)
    kept = kept if order is None else kept[order]
    headers = {189: first, 193: second, 181: 4_000_000 + 1250 * second, 185: 6_000_000 + 5000 * first}
    content = segy(
        cube.reshape(-1, samples)[kept],
        {byte: numbers[kept] for byte, numbers in headers.items()},
        short=[(71, np.full(len(kept), -100))],
        file_fields=[(3217, int(1000 * INTERVAL), 2)],
        **options,
    )
    (here / "a.sgy").write_bytes(content)
    return open_volume(here / "a.sgy")


def test_a_good_cube(here):
    cube = waves(5, 8)
    found = survey_info(write(here, cube))
    assert found.kind == "SEG-Y, IEEE floats (format 5), big-endian"
    assert (found.samples, found.interval, found.traces, found.missing) == (256, INTERVAL, 40, 0)
    assert (found.inlines, found.crosslines) == (Axis(300, 304, 1, 5), Axis(800, 814, 2, 8))
    assert (found.bytes, found.sorting, found.doubts) == ((189, 193), "by inline", ())
    assert found.coordinates == (50_000, 50_175, 75_000, 75_200)
    assert found.spacing == (50, 25)
    assert found.map == {300 + inline: "########" for inline in range(5)}
    amplitudes = found.amplitudes
    assert (amplitudes.traces, amplitudes.dead, amplitudes.not_finite, amplitudes.empty) == (40, 0, 0, 0)
    assert (amplitudes.lowest, amplitudes.highest) == (cube.min(), cube.max())
    np.testing.assert_allclose(amplitudes.percentiles, np.percentile(cube, info.PERCENTILES), rtol=1e-6)
    np.testing.assert_allclose(amplitudes.mean, cube.mean(dtype=float), atol=1e-6)
    np.testing.assert_allclose(amplitudes.rms, np.sqrt((cube.astype(float) ** 2).mean()), rtol=1e-6)
    assert amplitudes.at_lowest == amplitudes.at_highest == 1 / cube.size
    step = 1 / 256  # of the spectrum
    assert abs(amplitudes.frequency - FREQUENCY * INTERVAL / 1000) <= step
    low, high = amplitudes.band
    assert 1 / 16 - 4 * step <= low <= 1 / 16 <= high <= 1 / 16 + 4 * step


@pytest.mark.parametrize("sorting", ["by inline", "by crossline", "by neither inline nor crossline"])
def test_the_order_of_traces_is_said_and_changes_nothing_else(sorting, here):
    cube = waves(5, 8)
    first = survey_info(write(here, cube))
    orders = {
        "by inline": np.arange(40)[::-1],
        "by crossline": np.arange(40).reshape(5, 8).T.ravel(),
        "by neither inline nor crossline": np.random.default_rng(0).permutation(40),
    }
    found = survey_info(write(here, cube, orders[sorting]))
    assert found.sorting == sorting
    assert (found.map, found.coordinates, found.inlines) == (first.map, first.coordinates, first.inlines)
    np.testing.assert_allclose(found.amplitudes.percentiles, first.amplitudes.percentiles)


def test_what_is_wrong_is_counted(here):
    cube = np.clip(waves(5, 8), -90, 100)
    cube[1, 2:5] = 7  # dead
    cube[2, 0, :4] = np.nan
    cube[2, 1, 9] = -np.inf
    cube[3, :, :64] = 0  # a mute
    cube[4, 7, 100] = 90_000
    present = np.ones((5, 8), bool)
    present[0, 5:] = False
    found = survey_info(write(here, cube, present=present.ravel(), text=bytes(3200)))
    assert (found.missing, found.traces) == (3, 37)
    assert found.map == {300: "#####...", 301: "##xxx###", 302: "########", 303: "########", 304: "########"}
    amplitudes = found.amplitudes
    assert (amplitudes.traces, amplitudes.dead, amplitudes.not_finite) == (37, 3, 5)
    assert amplitudes.empty == (5 + 8 * 64) / (34 * 256)
    recorded = np.where(np.isfinite(cube), cube, 0)[present]
    assert amplitudes.at_lowest == (recorded == -90).sum() / (34 * 256 - 5 - 8 * 64)
    doubts = "\n".join(found.doubts)
    for words in (
        "textual header is empty",
        "3 of 37 traces of the sample are dead",
        "5 samples of them are NaN or infinite",
        "are -90, the lowest there is: they were clipped",
        "an amplitude of 90000 is 900 times the 99.5th percentile: spikes",
    ):
        assert words in doubts
    assert "highest there is" not in doubts


def test_an_offset_and_an_unusual_interval(here):
    (here / "a.sgy").write_bytes(segy(waves(1, 9)[0] + 40, file_fields=[(3217, 0, 2)]))
    found = survey_info(open_volume(here / "a.sgy"))
    assert found.interval == 4  # from the first trace
    assert ["the mean amplitude" in doubt for doubt in found.doubts] == [True]
    content = bytearray(segy(waves(1, 9)[0], file_fields=[(3217, 0, 2)]))
    content[3600 + 116 : 3600 + 118] = bytes(2)
    (here / "a.sgy").write_bytes(content)
    assert survey_info(open_volume(here / "a.sgy")).doubts == ("the sample interval is unknown",)
    zarr.create_array(here / "a.zarr", data=waves(2, 9), attributes={"sample_interval": 2000})
    found = survey_info(open_volume(here / "a.zarr"))
    assert (found.kind, found.doubts) == ("Zarr array, float32", ("a sample interval of 2000 ms is unusual",))


@pytest.mark.parametrize("value", [0, np.nan, 5])
def test_a_survey_without_a_live_trace(value, here):
    np.save("a.npy", np.full((3, 5, 40), value, np.float32))
    found = survey_info(open_volume(here / "a.npy"))
    assert found.amplitudes is None
    assert found.doubts == ("all traces of the sample are dead",)
    assert set(found.map.values()) == {"xxxxx"}
    json.loads(run_here(["segy", "info", "a.npy", "--json"]).out)


def test_short_traces_have_no_spectrum(here):
    np.save("a.npy", waves(2, 5, 20))
    amplitudes = survey_info(open_volume(here / "a.npy")).amplitudes
    assert amplitudes.frequency is None
    assert amplitudes.band is None


def test_of_a_large_survey_a_sample_is_read(here, monkeypatch):
    """Places are spread over all of it, the same each time, and none is where a whole inline is missing."""
    monkeypatch.setattr(info, "SAMPLE", 24 * 3 * info.RUN * 32 * 4)  # three runs of each inline
    cube = np.random.default_rng(0).normal(size=(60, 500, 32)).astype(np.float32)
    np.save("a.npy", cube)
    volume = open_volume(here / "a.npy")
    read, all_of_it = np.zeros((60, 500), bool), volume.read
    volume.present[2] = False

    def watched(inlines, crosslines):
        read[inlines, crosslines] = True
        return all_of_it(inlines, crosslines)

    volume.read = watched
    found = survey_info(volume)
    assert found == survey_info(volume)
    assert found.amplitudes.traces == read.sum() == 24 * 3 * info.RUN
    assert read[[0, 3, 57]].any(axis=1).all()
    assert not read[2].any()
    assert read[:, [0, 499]].any(axis=0).all()
    assert len(found.map) == 24
    assert found.map[3] == "+" * info.COLUMNS
    np.testing.assert_allclose(found.amplitudes.percentiles, np.percentile(cube, info.PERCENTILES), atol=0.03)


def test_the_command_prints_what_was_found(here, capsys):
    write(here, waves(5, 8))
    ended = run_here(["segy", "info", "a.sgy"])
    assert (ended.status, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == "a.sgy"
    for line in (
        "  kind                SEG-Y, IEEE floats (format 5), big-endian",
        "  samples             256 at 2 ms (or the unit of depth), 510 in all",
        "  traces              40, by inline",
        "  crosslines          8, from 800 to 814 in steps of 2 (bytes 193 to 196)",
        "  spacing             inlines 50.00, crosslines 25.00",
        "  looks wrong         nothing",
        "         304 ########",
    ):
        assert line in lines
    assert "31.2 Hz dominant" in ended.out
    assert run_here(["segy", "info", "a.sgy"]).out == ended.out


def test_json_holds_the_same(here):
    volume = write(here, waves(5, 8))
    content = json.loads(run_here(["segy", "info", "a.sgy", "--json"]).out)
    assert content["crosslines"] == {"first": 800, "last": 814, "step": 2, "count": 8}
    assert content["amplitudes"]["rms"] == survey_info(volume).amplitudes.rms
    assert content["map"]["300"] == "########"


def test_the_textual_header_is_printed(here):
    write(here, waves(2, 3))
    assert run_here(["segy", "info", "a.sgy", "--text"]).out.split() == TEXT.split()
    write(here, waves(2, 3), text=b"\x1b[2J" * 800)
    assert "\x1b" not in run_here(["segy", "info", "a.sgy", "--text"]).out


def test_what_the_user_says_of_a_file(here):
    cube = waves(5, 8)
    first, second = grid(range(5), range(8))
    (here / "a.sgy").write_bytes(
        segy(cube.reshape(40, 256), {33: first, 45: second}, order="<", file_fields=[(3225, 0, 2)])
    )
    words = ["segy", "info", "a.sgy", "--json", "--format", 5, "--endian", "little", "--inline-byte", 33]
    content = json.loads(run_here([*words, "--crossline-byte", 45, "--samples", 256]).out)
    assert (content["bytes"], content["inlines"]["count"], content["crosslines"]["count"]) == ([33, 45], 5, 8)


# Words of the command; the exit status, and words of the sentence.
REFUSED = {
    "no file": (["b.sgy"], 2, "got nothing there"),
    "no format": (["a.sgy", "--format", 4], 2, "one of the sample formats 1, 2"),
    "no samples": (["a.sgy", "--samples", 0], 2, "at least 1 sample"),
    "one byte": (["a.sgy", "--inline-byte", 189], 2, "together, got one of them"),
    "bytes that are none": (["a.sgy", "--inline-byte", 0, "--crossline-byte", 4], 2, "from 1 to 237"),
    "two outputs": (["a.sgy", "--json", "--text"], 2, "got both"),
    "text of an array": (["a.npy", "--text"], 2, "expected a SEG-Y file for --text"),
    "other bytes": (["a.sgy", "--inline-byte", 201, "--crossline-byte", 205], 1, "up to 6 at one place"),
    "too long": (["a.sgy", "--samples", 90_000], 1, "got the end of the file at byte"),
    "noise": (["noise.sgy"], 1, "bytes 3225 and 3226"),
    "an empty array": (["empty.npy"], 1, "expected a NumPy array"),
    "a folder": (["folder"], 1, "expected a Zarr array"),
}


@pytest.mark.parametrize(("words", "status", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_gets_a_sentence(words, status, sentence, here):
    write(here, waves(2, 3))
    np.save("a.npy", waves(2, 3))
    (here / "noise.sgy").write_bytes(np.random.default_rng(0).bytes(9000))
    (here / "empty.npy").touch()
    (here / "folder").mkdir()
    ended = run_here(["segy", "info", *words])
    assert (ended.status, ended.out) == (status, "")
    check_sentence(ended.err.removesuffix("\n"), "segy info: ", "expected", "got", sentence)
