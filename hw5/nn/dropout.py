"""Dropout: in training, a network makes do without a random part of its units."""

from hw5.nn.layers import Layer


class Dropout(Layer):
    """In training, a random share of the numbers becomes 0 (Srivastava 2014).

    The others grow by 1 / (1 - share).
    """

    kind = "dropout"
    key = 0  # until it is drawn; only training needs it
    first = 0  # the place in the minibatch of the first example: a part of a minibatch has its part of the mask

    def __init__(self, text, theta):
        self.share = float(text)
        if not 0 < self.share < 1:
            raise ValueError

    def __str__(self):
        return f"dropout:{self.share:g}"

    def draw(self, rng):
        """The key of its random numbers."""
        self.key = int(rng.integers(2**32))

    def forward(self, device, s, t):
        if t is None:
            device.copy(s.X, s.X_in)
        else:
            device.dropout(s.X_in, s.X, self.share, t, self.key, self.first * self.inputs)

    def propagate(self, device, s, A, t, scratch):
        device.dropout(s.A, A, self.share, t, self.key, self.first * self.inputs)
