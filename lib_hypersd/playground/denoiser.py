"""A network as k-diffusion's samplers call it, with guidance: ``denoiser(x, sigma)`` is x0, the image without noise."""

from collections.abc import Callable

import torch

from ..sampling.schedules import is_flow

__all__ = ["Denoiser"]


class Denoiser:
    """Predicts x0 from x = x0 + σ·ε, or from x = (1 − σ)·x0 + σ·ε for flow models; σ is that of every picture.

    Args:
        network: ``network(x, t)`` predicts for the positive prompts, ``[B, …]`` as x, or for the negative and then the
            positive ones, ``[2·B, …]``. t is a timestep, for flow models the noise level.
        sigmas: the noise level of every timestep, ``[T]``, ascending.
        prediction: "epsilon" or "v_prediction"; a flow model, which predicts velocity, is recognised by its sigmas.
        cfg: the guidance scale; counts where the network predicts for two.
        before_each: called before each evaluation; may raise to end the sampling.
    """

    def __init__(
        self,
        network: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        sigmas: torch.Tensor,
        prediction: str,
        cfg: float,
        before_each: Callable[[], None] = lambda: None,
    ):
        self.network, self.sigmas, self.cfg, self.before_each = network, sigmas, cfg, before_each
        self.prediction = "flow" if is_flow(sigmas) else prediction

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        self.before_each()
        s = sigma.reshape(-1, *[1] * (x.ndim - 1))
        if self.prediction == "flow":
            return x - s * self.guided(x, sigma[0])
        variance = 1 + s**2  # 1/ᾱ: the network sees images of unit variance
        predicted = self.guided(x / variance.sqrt(), (self.sigmas - sigma[0]).abs().argmin())
        if self.prediction == "v_prediction":
            return x / variance - predicted * s / variance.sqrt()
        return x - s * predicted

    def guided(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        predicted = self.network(x, t)
        if len(predicted) == len(x):
            return predicted
        negative, positive = predicted.chunk(2)
        return negative + self.cfg * (positive - negative)
