import pytest

from reliability.kill import Tally, damage, disturbed, moments_of, undisturbed


def test_killed_and_resumed_a_run_ends_with_the_weights_of_an_undisturbed_one(tmp_path):
    expected, seconds = undisturbed(tmp_path)
    tally = disturbed(tmp_path, "killed", moments_of(2, seconds, seed=1), expected)
    assert tally.strikes == 2
    assert tally.held, tally


def test_half_a_file_would_be_noticed(tmp_path):
    (tmp_path / "resume-odd.pt").write_bytes(b"half")
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1}\n{"epo')
    (tmp_path / f"{tmp_path.name}.json").write_text("{")
    assert len(damage(tmp_path)) == 3


@pytest.mark.parametrize("tally", [Tally(), Tally(finished=2, alike=1), Tally(finished=1, alike=1, wrong=["this"])])
def test_a_promise_that_was_not_kept_is_not_reported_as_kept(tally):
    assert not tally.held
