"""What a network is made of before it is trained, so that every process of a training can make the same."""

from dataclasses import dataclass

import numpy as np

from hw5.nn.network import Network, initial_parameters
from hw5.train.settings import Settings


@dataclass(frozen=True)
class NetworkPlan:
    """Settings, the shape of an example, (d,) or (h, w, c), the units of the top layer, and class weights or None."""

    settings: Settings
    shape: tuple[int, ...]
    units: int
    class_weights: np.ndarray | None

    def on(self, device):
        """The Network on a device, with its initial weights. Raises InputError if a layer does not fit."""
        settings = self.settings
        layers = settings.layers(self.shape, self.units)
        parameters = initial_parameters(layers, settings.seed)
        if settings.model == "perceptron":  # "usually begins with weight/bias 0"
            parameters = [tuple(map(np.zeros_like, pair)) for pair in parameters]
        return Network(device, parameters, loss=settings.loss, class_weights=self.class_weights, layers=layers)
