from rich.console import Console

from reliability.distribution import Options, compared, is_a_message, lost, sampling
from reliability.faults import epochs_kept, is_clean


def test_two_processes_compute_see_write_and_find_what_one_does(tmp_path):
    console = Console(record=True, width=200)
    assert all(compared(tmp_path, Options(orders=50), console)), console.export_text()


def test_a_lost_process_ends_the_run_with_a_message(tmp_path):
    status, said, _ = lost(tmp_path, "lost", rank=1)
    assert status != 0
    assert is_a_message(said), said
    assert epochs_kept(tmp_path / "runs" / "lost") >= 2
    assert is_clean(tmp_path / "runs" / "lost")


def test_a_tile_seen_twice_would_be_noticed():
    assert sampling([[[0, 1]], [[2, 3]]], 5) == (True, [{4}])
    assert not sampling([[[0, 1]], [[1, 3]]], 5)[0]
