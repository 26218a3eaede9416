"""What a call may allocate."""
import contextlib
import tracemalloc


@contextlib.contextmanager
def at_most(megabytes):
    """Fails where what Python allocates inside is ever as much as so many MiB."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < megabytes * 2**20
