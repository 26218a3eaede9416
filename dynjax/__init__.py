"""Networks in JAX and Flax that are tuned after training by a few numbers, alpha."""
