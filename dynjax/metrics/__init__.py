"""Image quality, a batch in and one value an image out."""
