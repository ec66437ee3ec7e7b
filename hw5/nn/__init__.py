"""The mathematics of a network: layers, losses and gradients, in the lecture's letters."""
