"""hw5: classifiers trained with hand-written CUDA kernels."""
