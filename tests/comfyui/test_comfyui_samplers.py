"""Our samplers and schedules in ComfyUI's form; what ComfyUI does around a sampler is played here, and run by the live suite."""

from types import SimpleNamespace

import pytest
import torch
from diffusers import TCDScheduler

from lib_hypersd.comfyui.samplers import ddim, tcd
from lib_hypersd.comfyui.schedules import Unsuitable, sigmas_by_name, table_of, tokens_of
from lib_hypersd.sampling.schedules import flow_sigmas
from tests.networks import SD_BETAS, SHAPE, Network, alphas_cumprod, denoiser, relative_rms


def table():
    alphas = alphas_cumprod()
    return ((1 - alphas) / alphas).sqrt()


class Model:
    """ComfyUI's wrapper: ``sigmas`` is the schedule, and the table stands two models further in."""

    def __init__(self, sigmas, image=None, noise=None):
        self.network = Network()
        self.denoiser = denoiser(self.network)
        sampling = SimpleNamespace(sigmas=table())
        self.inner_model = SimpleNamespace(inner_model=SimpleNamespace(model_sampling=sampling))
        self.sigmas = sigmas
        self.noise = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        self.latent_image = torch.zeros(SHAPE) if image is None else image
        self.passed = []

    def __call__(self, x, sigma, **extra_args):
        self.passed.append(extra_args)
        return self.denoiser(x, sigma)

    def run(self, function, seed=7, **options):
        """As ComfyUI's KSAMPLER calls a function, with σ·noise at the start wherever it starts."""
        x = self.noise * self.sigmas[0] + self.latent_image
        return function(self, x, self.sigmas, {"seed": seed, "model_options": {}}, None, True, **options)


def diffusers_tcd(steps, eta, seed=7, strength=1.0, image=None):
    """The last x0 of diffusers' loop from the same noise, its fresh noise from the seed after."""
    model, scheduler = Model(torch.ones(1)), TCDScheduler(**SD_BETAS, clip_sample=False)
    scheduler.set_timesteps(steps, strength=strength)
    generator, alphas = torch.Generator().manual_seed(seed + 1), alphas_cumprod()
    x = model.noise if image is None else scheduler.add_noise(image, model.noise, scheduler.timesteps[:1])
    for t in scheduler.timesteps:
        eps = model.network(x, t)
        x0 = (x - (1 - alphas[t]).sqrt() * eps) / alphas[t].sqrt()
        x = scheduler.step(eps, t, x, eta=eta, generator=generator).prev_sample
    return x0


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_tcd_is_diffusers_from_unit_noise(steps, eta):
    sigmas = sigmas_by_name("TCD", steps, 1.0, table()).double()
    assert relative_rms(Model(sigmas).run(tcd, eta=eta), diffusers_tcd(steps, eta)) < 2e-6


def test_with_an_image_the_start_is_left_as_it_is():
    image = torch.randn(SHAPE, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    sigmas = sigmas_by_name("TCD", 4, 0.4, table()).double()
    assert relative_rms(Model(sigmas, image).run(tcd, eta=0.3), diffusers_tcd(4, 0.3, 7, 0.4, image)) < 2e-6


def test_the_start_at_800_has_unit_variance():
    sigmas = sigmas_by_name("Start at 800", 1, 1.0, table()).double()
    model = Model(sigmas)
    alpha = alphas_cumprod()[800]
    eps = model.network(model.noise, 800)
    assert relative_rms(model.run(ddim), (model.noise - (1 - alpha).sqrt() * eps) / alpha.sqrt()) < 1e-6


def test_fresh_noise_is_of_the_seed_and_not_the_start_noise():
    sigmas = sigmas_by_name("TCD", 4, 1.0, table()).double()
    one, same, other = (Model(sigmas).run(tcd, seed, eta=1.0) for seed in (7, 7, 8))
    assert one.equal(same) and not one.equal(other)
    state = torch.get_rng_state()
    Model(sigmas).run(tcd, 2**64 - 1, eta=1.0)
    assert torch.get_rng_state().equal(state), "the global generator is somebody else's"


def test_what_comfyui_passes_on_is_passed_on():
    model = Model(sigmas_by_name("Trailing", 2, 1.0, table()).double())
    model.run(ddim)
    assert model.passed == [{"seed": 7, "model_options": {}}] * 2


def test_no_steps_leave_the_latent():
    image = torch.ones(SHAPE, dtype=torch.float64)
    assert sigmas_by_name("TCD", 4, 0.0, table()).tolist() == [0]
    assert Model(torch.zeros(1, dtype=torch.float64), image).run(tcd).equal(image)
    assert Model(torch.zeros(1, dtype=torch.float64)).run(tcd).count_nonzero() == 0


@pytest.mark.parametrize(
    ("sigmas", "sentence"),
    [
        (table()[19::20], "cut the model's table of 1000 noise levels to 50"),
        (table().flip(0), "no ascending table"),
        (torch.ones(1), "no ascending table"),
        (None, "no ascending table"),
    ],
)
def test_what_is_no_table_is_refused(sigmas, sentence):
    with pytest.raises(Unsuitable, match=sentence):
        table_of(SimpleNamespace(sigmas=sigmas))


def test_by_image_size_needs_a_flow_model_and_a_latent():
    flow = flow_sigmas(1000, 1.0, 3.0).flip(0)[1:]
    tokens = tokens_of(torch.zeros(1, 16, 128, 128))
    assert tokens == 4096 and sigmas_by_name("By image size", 8, 1.0, flow, tokens)[1].item() == pytest.approx(
        0.9567, abs=1e-4
    )
    with pytest.raises(Unsuitable, match="connect it to the input “latent”"):
        sigmas_by_name("By image size", 8, 1.0, flow)
    with pytest.raises(Unsuitable, match="is for FLUX"):
        sigmas_by_name("By image size", 8, 1.0, table(), tokens)


def test_names_that_are_none_of_ours_and_steps_that_cannot_be():
    assert sigmas_by_name("Karras", 8, 1.0, table()) is None
    with pytest.raises(Unsuitable, match="serves 1 to 1000 steps; 0"):
        sigmas_by_name("Trailing", 0, 1.0, table())
