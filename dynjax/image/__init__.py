"""Pure functions on pictures: arrays [N, H, W, C], float32 in [0, 1] unless a name says otherwise."""
