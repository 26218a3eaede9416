"""What terms that read the features of a trained network have in common."""


class FeatureLoss:
    """A term with the fields `net`, `weights` and `layers`, which may be given as one name."""

    def __post_init__(self):
        object.__setattr__(self, "layers", (self.layers,) if isinstance(self.layers, str) else tuple(self.layers))

    @property
    def trunk(self):
        """Whose features are read; MultiLoss computes them once for all terms."""
        return self.net, self.weights
