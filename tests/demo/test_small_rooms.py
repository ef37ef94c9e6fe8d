"""Modules that one test shows whole, and the examples of all."""

import doctest

import pytest

from demo import cache, export, markdown, messages, predictions, runs, view
from demo.cache import ByteCache
from demo.markdown import literal


@pytest.mark.parametrize("module", [cache, export, markdown, messages, predictions, runs, view])
def test_examples_hold(module):
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<b>x</b>", "`<b>x</b>`"),
        ("![x](http://evil)", "`![x](http://evil)`"),
        ("a`b``c", "``` a`b``c ```"),
        ("two\nlines\u202e", "`two lines `"),
        ("", "`  `"),
    ],
)
def test_names_are_shown_as_they_are(name, shown):
    assert literal(name) == shown


def test_what_was_used_last_stays_in_the_cache():
    cache = ByteCache(10)
    cache.put("a", 1, 4)
    cache.put("b", 2, 4)
    cache.get("a")
    cache.put("c", 3, 4)
    cache.put("huge", 4, 11)
    cache.put("c", 5, 3)

    assert [cache.get(key) for key in ("a", "b", "c", "huge")] == [1, None, 5, None]
    assert cache.size == 7
