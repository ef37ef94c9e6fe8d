"""SEG-Y, NumPy and Zarr give the same volume, and what is damaged gives a sentence."""

import numpy as np
import pytest
import zarr

from tests.robustness.checks import check_sentence
from tests.robustness.hostile_files import npy, npy_header, npy_of
from tests.seismic.segy_files import amplitudes, grid, segy
from unet.seismic.segy import SegyError
from unet.seismic.volume import VolumeError, open_volume

CUBE = amplitudes(4 * 6, 30).reshape(4, 6, 30)
PARTS = [(slice(None), slice(None)), (slice(1, 3), slice(2, 3)), (slice(3, 4), slice(0, 6)), (slice(0, 0), slice(None))]


@pytest.fixture(params=["npy", "npy in Fortran's order", "big-endian npy", "zarr", "segy", "segy by crossline"])
def cube(request, tmp_path):
    """A volume of ``CUBE``."""
    kind = request.param
    if "npy" in kind:
        array = np.asfortranarray(CUBE) if "Fortran" in kind else CUBE.astype(">f8" if "big" in kind else "i2")
        np.save(tmp_path / "a.npy", array)
        return open_volume(tmp_path / "a.npy")
    if kind == "zarr":
        zarr.create_array(tmp_path / "a.zarr", data=CUBE, chunks=(2, 6, 30), attributes={"sample_interval": 4})
        return open_volume(tmp_path / "a.zarr")
    inlines, crosslines = grid(range(4), range(6))
    order = np.lexsort([inlines, crosslines]) if "crossline" in kind else np.arange(24)
    headers = {189: inlines[order], 193: crosslines[order]}
    (tmp_path / "a.segy").write_bytes(segy(CUBE.reshape(24, 30)[order], headers))
    return open_volume(tmp_path / "a.segy")


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_a_cube(cube, part):
    values = cube.read(*part)
    np.testing.assert_array_equal(values, CUBE[part])
    assert values.dtype == np.float32
    assert values.flags.c_contiguous
    values += 1  # it is the caller's
    np.testing.assert_array_equal(cube.read(*part), CUBE[part])
    assert cube.shape == (4, 6, 30)
    assert cube.present.all()
    assert not cube.is_line


def test_the_interval_is_in_milliseconds(tmp_path):
    (tmp_path / "a.sgy").write_bytes(segy(CUBE[0], file_fields=[(3217, 2500, 2)]))
    zarr.create_array(tmp_path / "a.zarr", data=CUBE, attributes={"sample_interval": 2.5})
    assert [open_volume(tmp_path / name).interval for name in ("a.sgy", "a.zarr")] == [2.5, 2.5]


@pytest.mark.parametrize("name", ["a.npy", "a.zarr", "a.sgy"])
def test_a_line(name, tmp_path):
    """Arrays of two dimensions are (samples, traces), as images are."""
    path = tmp_path / name
    if name == "a.npy":
        np.save(path, CUBE[0].T)
    elif name == "a.zarr":
        zarr.create_array(path, data=CUBE[0].T.copy())
    else:
        path.write_bytes(segy(CUBE[0]))
    volume = open_volume(path)
    assert volume.is_line
    np.testing.assert_array_equal(volume.read(slice(0, 1)), CUBE[:1])
    np.testing.assert_array_equal(volume.read(slice(0, 1), slice(2, 4)), CUBE[:1, 2:4])


def test_what_float32_cannot_hold_is_infinite_without_a_warning(tmp_path, recwarn):
    np.save(tmp_path / "a.npy", np.full((3, 4, 5), 1e300))
    assert np.isposinf(open_volume(tmp_path / "a.npy").read(slice(0, 1))).all()
    (tmp_path / "a.sgy").write_bytes(segy(np.full((3, 20), -1e300), format=6))
    assert np.isneginf(open_volume(tmp_path / "a.sgy").read(slice(0, 1))).all()
    assert not recwarn.list


# Files that hold no volume, and words of the sentence about each.
BAD = {
    "empty": (b"", "expected a NumPy array of numbers"),
    "noise": (np.random.default_rng(0).bytes(2000), "expected a NumPy array of numbers"),
    "half": (npy(CUBE)[:2000], "expected a NumPy array of numbers"),
    "header alone": (npy_of("<f4", "(4, 6, 30)"), "expected a NumPy array of numbers"),
    "more than there is": (npy_of("<f4", "(99999999999, 9999999999, 30)"), "expected a NumPy array of numbers"),
    "a negative shape": (npy_of("<f4", "(-4, 6, 30)"), "expected a NumPy array of numbers"),
    "no header": (npy_header("{" * 60), "expected a NumPy array of numbers"),
    "objects": (npy_of("|O", "(2, 2)") + bytes(99), "expected a NumPy array of numbers"),
    "one dimension": (npy(CUBE[0, 0]), "expected real numbers of 2 dimensions"),
    "four dimensions": (npy(CUBE[None]), "of shape (1, 4, 6, 30)"),
    "complex numbers": (npy(CUBE.astype(complex)), "got complex128"),
    "truth values": (npy(CUBE > 3), "got bool"),
    "no traces": (npy(np.zeros((0, 5))), "of shape (0, 5)"),
}


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD)
def test_a_bad_array_is_refused_in_a_sentence(content, words, tmp_path, recwarn):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(VolumeError) as caught:
        open_volume(tmp_path / "a.npy")
    check_sentence(str(caught.value), "expected", words)
    assert not recwarn.list


def test_bad_folders_are_refused_in_a_sentence(tmp_path):
    def refused(name: str, *words: str) -> None:
        with pytest.raises(VolumeError) as caught:
            open_volume(tmp_path / name).read(slice(0, 1))
        check_sentence(str(caught.value), "expected", *words)

    (tmp_path / "folder").mkdir()
    zarr.create_group(tmp_path / "group.zarr")
    zarr.create_array(tmp_path / "sparse.zarr", shape=(10**6, 10**6, 10), chunks=(1, 1, 10), dtype="f4")
    zarr.create_array(tmp_path / "deep.zarr", shape=(2, 2, 10**9), chunks=(1, 1, 10), dtype="f4")
    zarr.create_array(tmp_path / "damaged.zarr", data=CUBE, chunks=(1, 6, 30))
    (tmp_path / "damaged.zarr" / "c" / "0" / "0" / "0").write_bytes(b"no chunk")
    (tmp_path / "metadata.zarr").mkdir()
    (tmp_path / "metadata.zarr" / "zarr.json").write_text("{}")
    refused("nothing.sgy", "got nothing there")
    refused("folder", "Zarr array")
    refused("group.zarr", "Zarr array")
    refused("metadata.zarr", "Zarr array")
    refused("sparse.zarr", "at most", "traces")
    refused("deep.zarr", "at most", "samples")
    refused("damaged.zarr", "can be read")


def test_a_segy_file_that_was_cut_after_it_was_opened(tmp_path):
    path = tmp_path / "a.sgy"
    path.write_bytes(segy(CUBE[0]))
    volume = open_volume(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(SegyError, match="end of the file in trace 5"):
        volume.read(slice(0, 1))
