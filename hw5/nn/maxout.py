"""Maxout: units that are the largest of several linear functions."""

from hw5.nn.layers import Dense, Slot


class Maxout(Dense):
    """X = the largest of each unit's linear pieces (Goodfellow et al. 2013); W has `pieces` rows for each unit."""

    def __init__(self, units, theta):
        super().__init__(units, theta)
        self.pieces = theta.pieces

    def slot(self, device, X_in):
        """The arrays of a step; Z becomes 1 at each unit's largest piece and 0 elsewhere, then Delta."""
        X, A = (device.empty((len(X_in), self.places * self.units)) for _ in range(2))
        Z = device.empty((len(X_in) * self.places, self.units * self.pieces))
        return Slot(X_in, X, A, self._rows(device, X_in), Z, Z)

    def _activate(self, device, s):
        device.maxout(s.Z, self.b, self._by_place(s.X))

    def differentiate(self, device, s):
        """Delta = A at each unit's largest piece, 0 elsewhere."""
        device.maxout_gradient(self._by_place(s.A), s.Delta)
