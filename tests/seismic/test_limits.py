import numpy as np
import pytest

from unet.amplitude import percentile_limits
from unet.seismic.limits import SECTIONS, volume_limits
from unet.seismic.volume import open_volume


def saved(path, cube):
    np.save(path / "cube.npy", cube)
    return open_volume(path / "cube.npy")


@pytest.fixture
def cube() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(5, 6, 50)).astype(np.float32) * 1000


def test_limits_are_percentiles_of_what_was_recorded(tmp_path, cube):
    recorded = cube[:, :, 10:].copy()
    cube[:, :, :10] = 0  # a mute
    cube[2, 3] = 0  # a dead trace
    cube[1, 1, 20], cube[1, 1, 21] = np.nan, np.inf
    recorded[2, 3] = recorded[1, 1, 10:12] = np.nan
    expected = np.nanpercentile(recorded.astype(float), [5, 95])
    np.testing.assert_allclose(volume_limits(saved(tmp_path, cube), 5), expected)


def test_order_of_lines_makes_no_difference(tmp_path, cube):
    limits = volume_limits(saved(tmp_path, cube), 1)
    assert volume_limits(saved(tmp_path, cube[::-1, ::-1]), 1) == limits
    assert volume_limits(saved(tmp_path, cube.swapaxes(0, 1)), 1) == limits


def test_a_line_is_read_as_a_section(tmp_path, cube):
    limits = volume_limits(saved(tmp_path, cube[:1]), 0)
    assert volume_limits(saved(tmp_path, cube[0].T), 0) == limits == percentile_limits([cube[0].ravel()], 0)


def test_few_sections_of_many_are_read_and_none_without_traces(tmp_path, cube):
    volume = saved(tmp_path, np.repeat(cube, 30, axis=0))
    volume.present = np.ones((150, 6), bool)
    volume.present[:40] = False
    read, places = volume.read, []
    volume.read = lambda part, *others: (places.append(part), read(part, *others))[1]
    volume_limits(volume, 1)
    assert len(places) == SECTIONS
    assert (places[0].start, places[-1].start) == (40, 149)


@pytest.mark.parametrize("value", [0, np.nan, 8])
def test_nothing_recorded(tmp_path, cube, value):
    with pytest.raises(ValueError, match="expected amplitudes that differ"):
        volume_limits(saved(tmp_path, np.full_like(cube, value)), 0.5)
