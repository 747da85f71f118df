"""Scalars whose law is known in closed form at every noise level."""

import torch

from tests.networks import Network, denoiser

TABLE = denoiser(Network()).sigmas
COUNT = 200_000


class Mixture:
    """Scalar data from a mixture of normals, and what is known of it at every noise level in x = x0 + σ·eps.

    In one dimension the probability flow keeps every quantile in its place, so the exact consistency function is
    "same quantile, no noise".
    """

    sigmas = TABLE

    def __init__(self, weights, means, deviations):
        self.weights = torch.tensor(weights, dtype=torch.float64)
        self.means = torch.tensor(means, dtype=torch.float64)
        self.deviations = torch.tensor(deviations, dtype=torch.float64)

    def draw(self, generator):
        part = torch.multinomial(self.weights, COUNT, replacement=True, generator=generator)
        unit = torch.randn(COUNT, generator=generator, dtype=torch.float64)
        return self.means[part] + self.deviations[part] * unit

    def spread(self, sigma):
        return (self.deviations**2 + sigma**2).sqrt()

    def distribution(self, x, sigma):
        z = (x[:, None] - self.means) / self.spread(sigma)
        return (self.weights * torch.special.ndtr(z)).sum(1)

    def consistency(self, x, sigma):
        """The end at σ = 0 of the probability-flow path through x, by bisection on the distribution function."""
        quantile = self.distribution(x, sigma)
        low = torch.full_like(x, (self.means - 40 * self.deviations).min().item())
        high = torch.full_like(x, (self.means + 40 * self.deviations).max().item())
        for _ in range(60):
            middle = (low + high) / 2
            below = self.distribution(middle, 0.0) < quantile
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return (low + high) / 2

    def posterior_mean(self, x, sigma):
        spread = self.spread(sigma)
        logits = self.weights.log() - spread.log() - ((x[:, None] - self.means) / spread) ** 2 / 2
        part = self.means + self.deviations**2 / spread**2 * (x[:, None] - self.means)
        return (logits.softmax(1) * part).sum(1)


GAUSSIAN = Mixture([1.0], [0.4], [0.7])
TWO_HILLS = Mixture([0.3, 0.7], [-1.0, 0.8], [0.25, 0.4])


class Scalar:
    """A denoiser of scalars from one of a mixture's functions."""

    sigmas = TABLE

    def __init__(self, function):
        self.function = function

    def __call__(self, x, sigma):
        return self.function(x, sigma[0].item())
