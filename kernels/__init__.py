"""The hand-written CUDA kernels; this package holds only their .cu sources."""
