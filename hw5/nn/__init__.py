"""The mathematics of networks: layers, losses and gradients, in the lecture's letters."""
