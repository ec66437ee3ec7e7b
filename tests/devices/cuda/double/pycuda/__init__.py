"""A double of PyCUDA: what hw5.devices.pycuda uses of it, over a simulated GPU, and nothing else."""
