"""A double of scikit-cuda: what hw5.devices.pycuda uses of skcuda.cublas."""
