import numpy as np

double = np.float  # gone since NumPy 1.24
