"""Checks of kernels and gradients, and benchmarks of kernels."""
