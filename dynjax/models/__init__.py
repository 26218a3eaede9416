"""Model files that describe themselves, and official checkpoints."""
