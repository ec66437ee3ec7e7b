"""A simulated PyCUDA: only what hw5.devices.cuda uses."""
