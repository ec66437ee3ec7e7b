"""NVIDIA GPUs: PyCUDA for memory and kernels, scikit-cuda for cuBLAS."""
