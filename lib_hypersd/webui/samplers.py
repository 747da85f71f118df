"""Our samplers in the host's list."""

from typing import NamedTuple

from modules import sd_samplers, sd_samplers_kdiffusion
from modules.sd_samplers_common import SamplerData

from ..recipes.settings import Settings, find_spelling
from ..sampling.samplers import sample_ddim, sample_tcd, start_noise_scale
from ..sampling.schedules import is_flow, model_sigmas
from ..wording import fill
from . import schedules, strength
from .options import get_option, shadowed
from .settings_page import DEFAULT_ETA, TCD_ETA, TCD_ETA_INFOTEXT


def run_tcd(model, x, sigmas, extra_args=None, callback=None, disable=None, eta=0.3):
    return sample_tcd(model, x, sigmas, extra_args, callback, disable, eta, make_image_noise(model))


def run_ddim(model, x, sigmas, extra_args=None, callback=None, disable=None, eta=0.0):
    return sample_ddim(model, x, sigmas, extra_args, callback, disable, eta, make_image_noise(model))


def make_image_noise(denoiser):
    """Image i of a batch gets the noise of its own seed, from the request's own generators.

    The host gives it to k-diffusion's samplers by replacing their ``torch``, each host that of another copy of them.
    """
    return lambda sigma, sigma_next: denoiser.p.rng.next()


class FewStepSampler(sd_samplers_kdiffusion.KDiffusionSampler):
    """A sampler of the host with a default eta and an infotext field of its own, started as diffusers starts."""

    def __init__(self, function, sd_model, eta):
        super().__init__(function, sd_model)
        self.eta_option_field = eta.option
        self.eta_infotext_field = eta.infotext
        self.eta_default = None  # so that the host always writes eta: an image must say with which it was made

    def get_sigmas(self, p, steps):
        if schedules.sd_schedulers is None:
            return schedules.compute_sigmas(schedules.find_in_force(self, p), steps, None, None, self.model_wrap, "cpu")
        # The option would drop a timestep that these LoRAs were distilled for.
        with shadowed(always_discard_next_to_last_sigma=False):
            return super().get_sigmas(p, steps)

    def sample(self, p, x, *args, steps=None, **kwargs):
        if not get_option("sgm_noise_multiplier"):
            # The host multiplies by σ. With the option "SGM noise multiplier" it does what is wanted here by itself.
            sigma = self.get_sigmas(p, steps or p.steps)[0].item()
            x = x * (start_noise_scale(sigma, is_flow(model_sigmas(self.model_wrap))) / sigma)
        return super().sample(p, x, *args, steps=steps, **kwargs)

    def sample_img2img(self, p, *args, **kwargs):
        return strength.wrap_sampling(self, super().sample_img2img)(p, *args, **kwargs)


def make_sampler(name, function, schedule, **options):
    def construct(sd_model):
        return FewStepSampler(function, sd_model, ETAS[name])

    return SamplerData(name, construct, [], {"scheduler": schedules.NAMES[schedule], "uses_ensd": True, **options})


class Eta(NamedTuple):
    """Where a sampler's eta comes from when a request sets none, and the infotext key it is written under."""

    option: str
    default: float
    infotext: str


ETAS = {
    "TCD": Eta(TCD_ETA, DEFAULT_ETA, TCD_ETA_INFOTEXT),
    "DDIM-Trailing": Eta("eta_ddim", 0.0, "Eta DDIM"),
}
ETA_INFOTEXTS = tuple(eta.infotext for eta in ETAS.values())
SAMPLERS = (
    make_sampler("TCD", run_tcd, "TCD"),
    make_sampler("DDIM-Trailing", run_ddim, "Trailing", default_eta_is_0=True),
)


def register() -> None:
    """Put our samplers into the host's list, by name and so only once, however often the UI reloads."""
    for data in SAMPLERS:
        schedules.put(sd_samplers.all_samplers, data)
        sd_samplers.all_samplers_map[data.name] = data
    sd_samplers.set_samplers()
    forget = getattr(getattr(sd_samplers, "get_sampler_and_scheduler", None), "cache_clear", None)
    if forget:
        forget()


def spell_as_host(settings: Settings) -> Settings:
    """The settings with a sampler and a schedule as the host spells them."""
    names = [data.name for data in sd_samplers.all_samplers]
    sampler = settings.sampler and find_spelling(settings.sampler, names)
    schedule = settings.schedule and find_spelling(settings.schedule, schedules.list_labels())
    return settings._replace(sampler=sampler, schedule=schedule)


def find_unknown(sampler: str, schedule: str) -> str | None:
    """The first of the two names that this host does not have, as a sentence."""
    if sampler not in sd_samplers.all_samplers_map:
        return fill("This WebUI has no sampler “{sampler}”.", sampler=sampler)
    if not schedules.has(schedule, sampler_is_ours=sampler in ETAS):
        none = "This WebUI has no schedule “{schedule}” for the sampler “{sampler}”."
        return fill(none, schedule=schedule, sampler=sampler)
    return None


def find_default_eta(sampler: str) -> float | None:
    """The eta that one of our samplers takes from the host's options when a request sets none."""
    return get_option(ETAS[sampler].option, ETAS[sampler].default) if sampler in ETAS else None
