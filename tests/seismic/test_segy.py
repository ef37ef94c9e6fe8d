"""SEG-Y files are read as segyio reads them, and where it cannot as they were written."""

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import segyio

from tests.robustness.checks import LONG, check_sentence
from tests.seismic.segy_files import TEXT, TYPES, amplitudes, encoded, grid, segy, written_by_segyio
from unet.seismic.encoding import decode_text, from_ibm, to_ibm
from unet.seismic.floats import doubts
from unet.seismic.geometry import find_geometry
from unet.seismic.segy import SegyError, SegyFile
from unet.seismic.volume import open_volume


@pytest.fixture
def written(tmp_path):
    def write(content: bytes) -> Path:
        path = tmp_path / "a.sgy"
        path.write_bytes(content)
        return path

    return write


def refusal(path: Path, **options) -> str:
    with pytest.raises(SegyError) as caught:
        SegyFile.open(path, **options)
    check_sentence(str(caught.value), "expected", "got")
    return str(caught.value)


def test_ibm_floats_are_those_of_segyio(tmp_path):
    """Words with any sign, exponent and normalised fraction that float32 holds."""
    random = np.random.default_rng(0)
    fraction = random.integers(1 << 20, 1 << 24, 5000)
    exponent = random.integers(64 - 30, 64 + 32, 5000)
    words = (random.integers(0, 2, 5000) << 31 | exponent << 24 | fraction).astype(np.uint32)
    path = tmp_path / "a.sgy"
    path.write_bytes(segy(np.zeros((5, 1000)), format=5, file_fields=[(3225, 1, 2)])[:3600])
    with path.open("ab") as file:
        for trace in words.reshape(5, 1000):
            file.write(struct.pack(">114xH124x", 1000) + trace.astype(">u4").tobytes())
    with segyio.open(path, ignore_geometry=True) as file:
        expected = file.trace.raw[:]
    np.testing.assert_array_equal(SegyFile.open(path).read(0, 5), expected)
    np.testing.assert_array_equal(to_ibm(from_ibm(words)), words)


def test_floats_written_as_ibm_are_the_nearest_there_are():
    values = (np.random.default_rng(1).normal(size=5000) * 10.0 ** np.linspace(-30, 30, 5000)).astype(np.float32)
    back = from_ibm(to_ibm(values))
    assert np.abs(back / values - 1).max() <= 2.0**-21  # half of the last of at least 21 bits
    with pytest.raises(ValueError, match="finite"):
        to_ibm(np.array([np.nan], np.float32))


@pytest.mark.parametrize("endian", ["big", "little"])
@pytest.mark.parametrize("format", [1, 2, 3, 5, 6, 8, 10, 11, 12, 16])
def test_every_format_is_read_as_segyio_reads_it(format, endian, tmp_path):
    path = tmp_path / "a.sgy"
    expected = written_by_segyio(
        path, amplitudes(6, 30).reshape(3, 2, 30) / (1 if format not in (1, 5, 6) else 7), format, endian
    )
    file = SegyFile.open(path)
    assert (file.endian, file.format, file.samples, file.traces, file.interval) == (endian, format, 30, 6, 4000)
    np.testing.assert_array_equal(file.read(0, 6), expected.astype(np.float32))
    np.testing.assert_array_equal(file.read(4, 1), expected[4:5].astype(np.float32))


@pytest.mark.parametrize("order", [">", "<"])
@pytest.mark.parametrize("format", TYPES)
def test_every_format_is_read_as_it_was_written(format, order, written):
    traces = amplitudes(5, 33) - (0 if TYPES[format][0] == "u" else 60)
    file = SegyFile.open(written(segy(traces, format=format, order=order)))
    np.testing.assert_array_equal(file.read(0, 5), traces)
    assert (file.notes == ()) == (order == ">")


TEXTS = {
    "EBCDIC": (TEXT.encode("cp037"), "C 1 A SURVEY"),
    "ASCII": (TEXT.encode("ascii"), "C 1 A SURVEY"),
    "nothing": (bytes(3200), ""),
    "blanks": (b" " * 3200, ""),
    "noise": (np.random.default_rng(0).bytes(3200), ""),
    "escapes": (b"\x1b[31mRED" + b"A" * 3000, " [31mREDAAA"),
}


@pytest.mark.parametrize(("text", "begin"), TEXTS.values(), ids=TEXTS)
def test_the_textual_header_may_be_anything(text, begin, written):
    traces = amplitudes(4, 20)
    file = SegyFile.open(written(segy(traces, text=text)))
    np.testing.assert_array_equal(file.read(0, 4), traces)
    assert file.text().startswith(begin.strip())
    assert all(line.isprintable() and len(line) <= 80 for line in file.text().split("\n"))
    assert bool(file.text()) == bool(begin)


STANZA = "((OGP:P1/11))".encode("cp037")
END = "((SEG: EndText))".encode("cp037")
REVISION_2 = [(3501, 2, 1), (3297, 16_909_060, 4)]
# Options of ``segy``; what the layout has of additional textual headers, trace headers, and words of its notes.
LAYOUTS = {
    "counted texts": ({"extended": [STANZA, STANZA]}, 2, 0, []),
    "a variable number of texts": ({"extended": [STANZA, STANZA, END], "file_fields": [(3505, -1, 2)]}, 3, 0, []),
    "texts that are not there": ({"file_fields": [(3505, 3, 2)]}, 0, 0, ["3 additional textual"]),
    "texts without an end": ({"file_fields": [(3505, -1, 2)]}, 0, 0, []),
    "more texts than anybody writes": ({"file_fields": [(3505, 30_000, 2)]}, 0, 0, []),
    "additional trace headers": ({"extra": 2, "file_fields": [*REVISION_2, (3507, 2, 4)]}, 0, 2, []),
    "additional trace headers as of revision 2.1": (
        {"extra": 1, "file_fields": [*REVISION_2, (3502, 1, 1), (3507, 1, 2), (3509, 7, 2)]}, 0, 1, []),
    "a kind of survey as of revision 2.1": ({"file_fields": [*REVISION_2, (3502, 1, 1), (3509, 7, 2)]}, 0, 0, []),
    "trace headers that are not there": ({"file_fields": [*REVISION_2, (3507, 2, 4)]}, 0, 0, ["2 additional trace"]),
    "samples in revision 2": ({"file_fields": [*REVISION_2, (3269, 25, 4), (3221, 7, 2)]}, 0, 0, []),
    "too many samples": ({"file_fields": [(3221, 50, 2)]}, 0, 0, ["50 samples", "have 25"]),
    "too few samples": ({"file_fields": [(3221, 10, 2)]}, 0, 0, ["10 samples", "have 25"]),
    "no samples": ({"file_fields": [(3221, 0, 2)]}, 0, 0, []),
    "traces without samples": ({"trace_samples": 0}, 0, 0, []),
    "traces of other samples": ({"trace_samples": 80}, 0, 0, []),
    "more traces than there are": ({"file_fields": [*REVISION_2, (3513, 999, "q")]}, 0, 0, ["promise 999 traces"]),
    "fewer traces than there are": ({"file_fields": [*REVISION_2, (3513, 3, "q")]}, 0, 0, ["promise 3 traces"]),
}  # fmt: skip


@pytest.mark.parametrize("order", [">", "<"])
@pytest.mark.parametrize(("options", "extended", "extra", "words"), LAYOUTS.values(), ids=LAYOUTS)
def test_headers_are_believed_as_far_as_the_file_confirms_them(options, extended, extra, words, order, written):
    traces = amplitudes(8, 25)
    file = SegyFile.open(written(segy(traces, order=order, **options)))
    assert (file.samples, file.traces, file.extended, file.extra) == (25, 8, extended, extra)
    np.testing.assert_array_equal(file.read(0, 8), traces)
    assert len(file.notes) == bool(words) + (order == "<")
    for word in words:
        assert word in file.notes[-1]


def test_a_wrong_number_of_samples_that_divides_the_file_is_not_believed(written):
    """16 traces of 200 samples are 26 of 100; 13 more bytes are a trace that is cut off."""
    traces = amplitudes(16, 200)
    content = segy(traces, file_fields=[(3221, 100, 2)])
    assert (len(content) - 3600) % (240 + 400) == 0
    for file in (SegyFile.open(written(content)), SegyFile.open(written(content + bytes(13)))):
        np.testing.assert_array_equal(file.read(0, 16), traces)


@pytest.mark.parametrize("cut", [1, 239, 240, 241, 339])
def test_of_a_file_that_was_cut_the_whole_traces_are_read(cut, written):
    traces = amplitudes(4, 25)
    content = segy(traces)
    file = SegyFile.open(written(content[:-cut]))
    np.testing.assert_array_equal(file.read(0, file.traces), traces[:3])
    (note,) = file.notes
    assert f"{340 - cut} bytes from byte {3600 + 3 * 340 + 1:,} to the end" in note
    assert "cut off" in note


def test_trailers_are_no_traces(written):
    traces = amplitudes(4, 400)
    file = SegyFile.open(written(segy(traces, file_fields=[*REVISION_2, (3513, 4, "q")]) + STANZA.ljust(3200, b"\x40")))
    np.testing.assert_array_equal(file.read(0, file.traces), traces)
    assert "follow the last trace" in file.notes[-1]


def test_the_interval_of_revision_2_and_that_of_traces(written):
    traces = amplitudes(2, 20)
    assert SegyFile.open(written(segy(traces, file_fields=[*REVISION_2, (3273, 333.25, "d")]))).interval == 333.25
    assert SegyFile.open(written(segy(traces, file_fields=[(3217, 0, 2)]))).interval == 4000
    file = SegyFile.open(written(segy(traces, file_fields=[(3217, 2000, 2)])))
    assert file.interval == 2000
    assert "2,000 in bytes 3217 and 3218" in file.notes[0]


@pytest.mark.parametrize("code", [0, 4, 7, 15, 99])
def test_an_unknown_format_is_refused_until_one_is_named(code, written):
    traces = amplitudes(4, 25)
    path = written(segy(traces, file_fields=[(3225, code, 2)]))
    words = f"bytes 3225 and 3226, one of 1, 2, 3, 5, 6, 8, 9, 10, 11, 12, 16, got {code}"
    assert words in refusal(path)
    assert words in refusal(written(segy(traces, order="<", file_fields=[(3225, code, 2)])))
    path = written(segy(traces, file_fields=[(3225, code, 2)]))
    np.testing.assert_array_equal(SegyFile.open(path, format=5).read(0, 4), traces)


@pytest.mark.parametrize("order", [">", "<"])
def test_what_the_user_says_is_taken(order, written):
    traces = amplitudes(6, 25)
    wrong = segy(traces, order=order, file_fields=[(3225, 0, 2), (3221, 9, 2)], trace_samples=0)
    endian = "big" if order == ">" else "little"
    file = SegyFile.open(written(wrong), format=5, endian=endian, samples=25)
    np.testing.assert_array_equal(file.read(0, 6), traces)
    assert SegyFile.open(written(segy(traces, order=order, file_fields=[(3225, 0, 2)])), format=5).endian == endian
    assert "formats 1, 2" in refusal(file.path, format=4)
    assert "at least 1 sample" in refusal(file.path, format=5, samples=-1)


# What is no file that can be read, and words of the sentence about it.
BAD = {
    "empty": (b"", "3,840 bytes, got 0"),
    "tiny": (b"SEG-Y", "3,840 bytes, got 5"),
    "headers alone": (segy(amplitudes(1, 25))[:3600], "3,840 bytes, got 3,600"),
    "less than a trace": (segy(amplitudes(1, 100))[:-1], "end of the file at byte 4,239"),
    "text": (b"once upon a time " * 1000, "bytes 3225 and 3226"),
    "zeros": (bytes(20_000), "got 0"),
    "noise": (np.random.default_rng(0).bytes(20_000), "bytes 3225 and 3226"),
    "no samples anywhere": (
        segy(amplitudes(4, 25), file_fields=[(3221, 0, 2)], trace_samples=0),
        "bytes 3221 and 3222, or in bytes 115 and 116",
    ),
}


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD)
def test_what_is_no_segy_file_is_refused_in_a_sentence(content, words, written):
    assert words in refusal(written(content))


def test_a_file_that_is_cut_while_it_is_read(written):
    content = segy(amplitudes(4, 25))
    file = SegyFile.open(written(content))
    file.path.write_bytes(content[: 3600 + 2 * 340 + 100])
    with pytest.raises(SegyError, match=r"end of the file in trace 2 after byte 4,380"):
        file.read(1, 3)
    np.testing.assert_array_equal(file.read(0, 2), amplitudes(4, 25)[:2])
    with pytest.raises(SegyError, match="from 0 to 3, got 3 to 4"):
        file.read(3, 2)


def copied(file: SegyFile, samples: np.ndarray) -> bytes:
    """A copy, in three pieces."""
    pieces = [(0, 1), (1, 4), (4, file.traces)]
    return file.copied_header() + b"".join(file.copied_traces(a, samples[a:b]) for a, b in pieces)


@pytest.mark.parametrize("order", [">", "<"])
@pytest.mark.parametrize("format", TYPES)
def test_a_copy_keeps_every_header_byte(format, order, written):
    """Byte for byte: headers are random, samples of codes 1 and 5 stay what they are, others become IEEE floats."""
    random, traces = np.random.default_rng(3), amplitudes(7, 25)
    content = bytearray(segy(traces, format=format, order=order, extended=[STANZA], extra=1, file_fields=[
        *REVISION_2, (3507, 1, 4), (3269, 25, 4)]))  # fmt: skip
    stride = (len(content) - 6800) // 7
    content[:3216] = random.bytes(3216)
    content[3226:3268] = random.bytes(42)
    for start in range(6800, len(content), stride):
        content[start : start + 114] = random.bytes(114)
        content[start + 116 : start + 480] = random.bytes(364)
    file = SegyFile.open(written(bytes(content)))
    new = random.random((7, 25)).astype(np.float32)
    code = format if format in (1, 5) else 5
    expected = bytearray(content[:6800])
    expected[3224:3226] = struct.pack(f"{order}h", code)
    for trace, start in enumerate(range(6800, len(content), stride)):
        expected += content[start : start + 480] + encoded(new[trace], code, order)
    assert copied(file, new) == bytes(expected)
    assert len(expected) == file.start + 7 * file.copied_stride
    if format in (1, 5):
        assert copied(file, file.read(0, 7)) == bytes(content)


def test_segyio_reads_the_copy(tmp_path):
    path, copy = tmp_path / "a.sgy", tmp_path / "copy.sgy"
    written_by_segyio(path, amplitudes(6, 30).reshape(3, 2, 30), 3, "big")
    new = np.random.default_rng(0).random((6, 30)).astype(np.float32)
    copy.write_bytes(copied(SegyFile.open(path), new))
    with segyio.open(copy) as file:
        np.testing.assert_array_equal(file.trace.raw[:], new)
        np.testing.assert_array_equal(file.ilines, [11, 12, 13])


def test_a_format_that_the_samples_do_not_have_is_doubted(written):
    """Random amplitudes under two gains, as IBM and as IEEE, and what else looks odd but is right."""
    random = np.random.default_rng(0)
    traces = (random.normal(size=(40, 100)) * np.linspace(900, 30, 100)).astype(np.float32)

    def said(content: bytes, **options) -> list[str]:
        return list(doubts(SegyFile.open(written(content), **options)))

    for order in (">", "<"):
        ibm, ieee = (segy(traces, format=format, order=order) for format in (1, 5))
        assert said(ibm) == said(ieee) == []
        assert ["--format 1" in one for one in said(ibm, format=5)] == [True]
        assert ["--format 5" in one for one in said(ieee, format=1)] == [True]
    for right in (
        traces > 0,
        random.uniform(0.04, 0.12, (40, 100)),
        np.zeros_like(traces),
        random.random((40, 100)),
        np.round(traces),
    ):
        assert said(segy(right.astype(np.float32))) == said(segy(right.astype(np.float32), format=1)) == []
    other_order = b"".join([segy(traces)[:3600], *(
        struct.pack(">114xH124x", 100) + trace.astype("<f4").tobytes() for trace in traces
    )])  # fmt: skip
    assert ["another format or byte order" in one for one in said(other_order)] == [True]


def test_a_lying_header_takes_no_memory(written):
    """Every number of the file header as large as it can be, one at a time."""
    content = segy(amplitudes(6, 25), dict(zip((189, 193), grid([1, 2], [1, 2, 3]), strict=True)))
    tracemalloc.start()
    for byte in range(3201, 3601, 2):
        for wide in (b"\xff\xff", b"\x7f\xff", b"\x80\x00"):
            lying = content[: byte - 1] + wide + content[byte + 1 :]
            try:
                open_volume(written(lying)).read(slice(0, 2))
            except SegyError as error:
                check_sentence(str(error))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize("count", [400, pytest.param(20_000, marks=LONG)])
def test_mutants_are_read_or_refused(count, written):
    """Files of which some bytes were replaced, cut out or put in."""
    random = np.random.default_rng(0)
    seeds = [
        segy(
            amplitudes(12, 25),
            dict(zip((189, 193), grid([1, 2, 3], [1, 2, 3, 4]), strict=True)),
            format=format,
            order=order,
        )
        for format, order in ((1, ">"), (5, "<"), (8, ">"))
    ]
    read = 0
    for number in range(count):
        content = bytearray(seeds[number % len(seeds)])
        for _ in range(random.integers(1, 5)):
            place = int(random.choice([random.integers(3200, 3600), random.integers(3600, len(content))]))
            kind, size = random.integers(0, 4), int(random.integers(1, 9))
            content[place : place + (size if kind else random.integers(0, 400))] = (
                b"" if kind == 1 else random.bytes(size)
            )
        path = written(bytes(content))
        try:
            volume = open_volume(path)
            values = volume.read(slice(0, 2))
        except SegyError as error:
            check_sentence(str(error))
            continue
        read += 1
        assert values.shape == (min(2, len(volume.inlines)), len(volume.crosslines), volume.samples)
        assert all(note.isprintable() for note in volume.notes)
    assert read > count / 4


def test_geometry_holds_little_of_a_large_file(tmp_path):
    """A file of 200 MB, nearly all of it a hole."""
    path, count, samples = tmp_path / "a.sgy", 400, 125_000
    content = segy(amplitudes(1, samples), format=5, file_fields=[*REVISION_2, (3269, samples, 4)])
    with path.open("wb") as file:
        file.write(content[:3600])
        for trace in range(count):
            file.seek(3600 + trace * (240 + 4 * samples))
            file.write(struct.pack(">188xii44x", 1 + trace // 20, 1 + trace % 20))
        file.truncate(3600 + count * (240 + 4 * samples))
    opened = SegyFile.open(path)
    tracemalloc.start()
    geometry = find_geometry(opened)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(geometry.index, np.arange(count).reshape(20, 20))
    assert peak < 25_000_000


def test_text_of_additional_headers_is_shown(written):
    file = SegyFile.open(written(segy(amplitudes(2, 20), extended=[STANZA])))
    assert file.text().split("\n")[-1] == "((OGP:P1/11))"
    assert decode_text(b"") == ""
