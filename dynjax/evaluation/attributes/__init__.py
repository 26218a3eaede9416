"""Attributes of images that a generator makes of fixed inputs, over alpha."""
