"""What a network is trained for: losses per image and their combination by alpha."""
