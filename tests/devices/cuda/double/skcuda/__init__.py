"""A simulated scikit-cuda: only what hw5.devices.cuda uses of skcuda.cublas."""
