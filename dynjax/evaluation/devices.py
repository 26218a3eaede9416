"""Work on many pictures, shared out over the devices of this machine."""
import collections
import contextlib
from concurrent.futures import ThreadPoolExecutor

import jax

from dynjax.devices import check_platform

AHEAD = 2   # pictures that each device has in hand or waiting; more would only hold memory

# What a caller may have set for its own thread alone, by name and the context that sets it in another.
SETTINGS = {"jax_default_matmul_precision": jax.default_matmul_precision, "jax_enable_x64": jax.enable_x64,
            "jax_numpy_rank_promotion": jax.numpy_rank_promotion}


def over_devices(function, items, shared, *, devices=None):
    """Gives function(shared, item) of every item, in the order of the items.

    Item i is worked on by device i modulo their number, in that device's own thread, with `shared` put there once:
    who gets what depends on the order alone. Few items are taken ahead of what is given, so that memory stays bounded.
    On one device everything runs in the caller's thread, one item after the other.

    Args:
      function: called with jax's default device set; its result should hold numpy arrays.
      items: iterable; it is read in the caller's thread.
      shared: nested arrays that every call needs, such as a network's variables.
      devices: those to share the work; by default the one that jax.default_device names, else all local ones.

    Raises:
      What function or items raise, after the results of the items before; nothing goes on in the background then.
    """
    check_platform()
    given = jax.config.jax_default_device
    devices = devices or (jax.local_devices() if given is None else [given])
    if len(devices) == 1:
        for item in items:
            yield function(shared, item)
        return
    settings, placed = {name: getattr(jax.config, name) for name in SETTINGS}, {}

    def work(index, item):
        with contextlib.ExitStack() as stack:
            for name, value in settings.items():
                stack.enter_context(SETTINGS[name](value))
            stack.enter_context(jax.default_device(devices[index]))
            if index not in placed:
                placed[index] = jax.device_put(shared, devices[index])
            return function(placed[index], item)

    items, results, number, failure = iter(items), collections.deque(), 0, None
    threads = [ThreadPoolExecutor(1, thread_name_prefix=f"device {index}") for index in range(len(devices))]
    try:
        while True:
            while failure is None and len(results) < AHEAD * len(devices):
                try:
                    item = next(items)
                except Exception as error:   # the end too: what was taken before comes first
                    failure = error
                    break
                index = number % len(devices)
                results.append(threads[index].submit(work, index, item))
                number += 1
            if not results:
                break
            yield results.popleft().result()
    finally:
        for thread in threads:
            thread.shutdown(wait=False, cancel_futures=True)
        for thread in threads:
            thread.shutdown()
    if not isinstance(failure, StopIteration):
        raise failure
