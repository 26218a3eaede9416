"""Plain linen networks that know nothing of alpha; images [N, H, W, C]."""
