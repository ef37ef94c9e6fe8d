"""Ctrl-C and SIGTERM held back while files that belong together are written."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def signals_held() -> Iterator[None]:
    """Delivers the first Ctrl-C or SIGTERM that arrives inside the block when the block ends, however it ends."""
    received: list[int] = []
    is_main = threading.current_thread() is threading.main_thread()  # no other thread receives signals
    ends = (signal.SIGINT, signal.SIGTERM) if is_main else ()
    handlers = {number: signal.signal(number, lambda held, _: received.append(held)) for number in ends}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for first in received[:1]:
            signal.raise_signal(first)
