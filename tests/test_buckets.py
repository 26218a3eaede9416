"""The rule by which sides are padded."""
import numpy as np

from dynjax.image.buckets import bucket


def test_buckets_hold_their_sizes_and_are_few():
    sizes = np.arange(1, 2049)
    padded = np.array([bucket(size) for size in sizes])
    assert sorted(set(padded[:512])) == [16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512]
    assert (padded >= sizes).all()
    assert [bucket(size) for size in set(padded)] == list(set(padded))
    assert (padded[64:] < 1.25 * sizes[64:]).all()
    assert len(set(padded)) == 24
