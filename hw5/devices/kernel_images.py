"""The operations on images by kernels: their launches."""

from hw5.errors import InputError


class KernelImages:
    """What a KernelDevice does with images."""

    def _missing(self, *arguments, **options):
        raise InputError(f"{self.name} has no convolutions yet; use --device cpu")

    unfold = fold = max_pool = max_pool_gradient = mean_pool = mean_pool_gradient = dropout = _missing
