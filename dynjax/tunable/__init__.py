"""Tunable convolutions: kernels summed with weights that a small MLP computes from alpha (CVPR 2023)."""
