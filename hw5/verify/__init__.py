"""Proof that kernels and gradients are right, and how fast the kernels are."""
