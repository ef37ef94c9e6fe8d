"""The short form of ``python -m reliability.fuzz``, and every input that it ever found, made by code."""

import importlib.util
import random
import struct
import zlib

import pytest

from reliability import bad_input, fuzz
from reliability.fuzz import DOORS

# door -> what once came out of it otherwise than documented.
FOUND = {
    "zip": {
        "an entry without a name (IndexError)": bad_input.raw_zip(b"", b"", 0, 0),
    },
    "card": {
        "a config of a control character (a message that cannot be printed)": (
            b'{"config": {"\\u001b": 1}, "sha256": "", "threshold": 0.5, "input": {}}\0'
        ),
    },
    "image": {
        "an animation that declares 24 GB (taken before its size was looked at)": bad_input.animated_png(
            100_000, 60_000
        ),
        "an animation with a second size": bad_input.animated_png(16, 16, (100_000, 60_000)),
        "a TIFF of many rows and few strips (read as black)": bad_input.tiff_of_height(520_000),
        "an NPY of Python 2 (a warning on the terminal)": bad_input.npy_header(
            "{'descr': '<i4', 'fortran_order': False, 'shape': (20L, 20L), }\n"
        )
        + bytes(1600),
        "an NPY with an escape that is none (a warning on the terminal)": bad_input.npy_header(
            "{'d\\scr': '<i4', 'fortran_order': False, 'shape': (20, 20), }\n"
        ),
    },
}


@pytest.fixture(scope="module")
def doors(tmp_path_factory):
    return fuzz.doors(tmp_path_factory.mktemp("doors"))


@pytest.mark.parametrize(("door", "name"), [(door, name) for door in DOORS for name in FOUND[door]])
def test_what_was_found_once(doors, door, name):
    doors[door](FOUND[door][name])


@pytest.mark.parametrize("door", DOORS)
def test_seeds_and_mutants_of_them(doors, door, tmp_path):
    """Without coverage to guide them, but the same ones in every run."""
    generator = random.Random(0)
    seeds = fuzz.seeds(door, tmp_path)
    assert seeds
    for content in seeds:
        doors[door](content)
    for _ in range(60):
        content = bytearray(generator.choice(seeds))
        for _ in range(generator.randint(1, 4)):
            if content:
                content[generator.randrange(min(len(content), 600))] = generator.randrange(256)
        doors[door](bytes(content))


def test_checksums_are_mended():
    whole = bad_input.encoded(bad_input.GREY)
    assert fuzz.mended(whole) == whole
    damaged = bytearray(whole)
    damaged[16:20] = struct.pack(">I", 47)  # the width
    mended = fuzz.mended(bytes(damaged))
    assert mended[29:33] == struct.pack(">I", zlib.crc32(mended[12:29]))
    assert mended[33:] == whole[33:]
    assert fuzz.mended(b"no PNG") == b"no PNG"
    assert fuzz.signed(b'{"sha256": "12"}', b"") != b'{"sha256": "12"}'


@pytest.mark.parametrize("sentence", ["", "two\nlines", "\x1b[31m", "x" * 2000, "damaged (MemoryError)"])
def test_what_is_not_documented_comes_out(sentence):
    from unet.files.images import ImageError

    with pytest.raises(AssertionError), fuzz.documented():
        raise ImageError(sentence)
    with pytest.raises(KeyError), fuzz.documented():
        raise KeyError(sentence)


def test_a_second_of_the_real_fuzz(tmp_path):
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("no atheris: pip install 'salt-unet[fuzz]'")
    outcome = fuzz.fuzz("image", 1, tmp_path)
    assert outcome.failures == []
    assert outcome.tried > 100
    assert outcome.kept > 10
    assert outcome.reached > 100
