"""Our samplers and schedules in the host's lists."""

import k_diffusion.sampling
from modules import sd_samplers, sd_samplers_kdiffusion, sd_schedulers, shared
from modules.sd_samplers_common import SamplerData

from ..samplers import is_flow, sample_ddim, sample_tcd, start_noise_scale
from ..schedules import model_sigmas, sigmas_at, start_timesteps, tcd_timesteps, trailing_timesteps
from .options import TCD_ETA, TCD_ETA_INFOTEXT, shadowed

START = 800
GRID = 50


def tcd(model, x, sigmas, extra_args=None, callback=None, disable=None, eta=0.3):
    return sample_tcd(model, x, sigmas, extra_args, callback, disable, eta, image_by_image_noise(x))


def ddim(model, x, sigmas, extra_args=None, callback=None, disable=None, eta=0.0):
    return sample_ddim(model, x, sigmas, extra_args, callback, disable, eta, image_by_image_noise(x))


def image_by_image_noise(x):
    """The host replaces k-diffusion's random functions, so that image i of a batch gets the noise of its own seed."""
    return k_diffusion.sampling.default_noise_sampler(x)


class FewStepSampler(sd_samplers_kdiffusion.KDiffusionSampler):
    """A sampler of the host with a default eta and an infotext field of its own, started as diffusers starts."""

    def __init__(self, function, sd_model, eta_option, eta_infotext):
        super().__init__(function, sd_model)
        self.eta_option_field = eta_option
        self.eta_infotext_field = eta_infotext
        self.eta_default = None  # so that the host always writes eta: an image must say with which it was made

    def get_sigmas(self, p, steps):
        # The option would drop a timestep that these LoRAs were distilled for.
        with shadowed(always_discard_next_to_last_sigma=False):
            return super().get_sigmas(p, steps)

    def sample(self, p, x, *args, steps=None, **kwargs):
        if not shared.opts.sgm_noise_multiplier:
            # The host multiplies by σ. With the option "SGM noise multiplier" it does what is wanted here by itself.
            sigma = self.get_sigmas(p, steps or p.steps)[0].item()
            x = x * (start_noise_scale(sigma, is_flow(model_sigmas(self.model_wrap))) / sigma)
        return super().sample(p, x, *args, steps=steps, **kwargs)


def trailing(n, sigma_min, sigma_max, inner_model, device):
    table = inner_model.sigmas
    return sigmas_at(trailing_timesteps(n, len(table)), table).to(device)


def tcd_schedule(n, sigma_min, sigma_max, inner_model, device):
    """More steps than the grid of 50 has (img2img asks for steps / strength) are taken from all timesteps."""
    table = inner_model.sigmas
    grid = GRID if n <= GRID else len(table)
    return sigmas_at(tcd_timesteps(n, train_steps=len(table), origin_steps=grid), table).to(device)


def start_at_800(n, sigma_min, sigma_max, inner_model, device):
    table = inner_model.sigmas
    return sigmas_at(start_timesteps(n, START * len(table) // 1000, len(table)), table).to(device)


def few_step_sampler(name, function, schedule, **options):
    def construct(sd_model):
        return FewStepSampler(function, sd_model, *ETAS[name])

    return SamplerData(name, construct, [], {"scheduler": schedule, "uses_ensd": True, **options})


# Where each sampler's eta comes from when a request sets none, and the infotext key it is written under.
ETAS = {"TCD": (TCD_ETA, TCD_ETA_INFOTEXT), "DDIM-Trailing": ("eta_ddim", "Eta DDIM")}
ETA_INFOTEXTS = tuple(key for _, key in ETAS.values())
SCHEDULES = (
    sd_schedulers.Scheduler("hypersd_trailing", "Trailing", trailing, need_inner_model=True),
    sd_schedulers.Scheduler("hypersd_tcd", "TCD", tcd_schedule, need_inner_model=True),
    sd_schedulers.Scheduler("hypersd_800", "Start at 800", start_at_800, need_inner_model=True),
)
SAMPLERS = (
    few_step_sampler("TCD", tcd, "hypersd_tcd"),
    few_step_sampler("DDIM-Trailing", ddim, "hypersd_trailing", default_eta_is_0=True),
)


def register() -> None:
    """Put our samplers and schedules into the host's lists, by name and so only once, however often the UI reloads."""
    for data in SAMPLERS:
        put(sd_samplers.all_samplers, data)
        sd_samplers.all_samplers_map[data.name] = data
    for schedule in SCHEDULES:
        put(sd_schedulers.schedulers, schedule)
        sd_schedulers.schedulers_map[schedule.name] = sd_schedulers.schedulers_map[schedule.label] = schedule
    sd_samplers.set_samplers()
    sd_samplers.get_sampler_and_scheduler.cache_clear()


def put(entries: list, entry) -> None:
    """Replace the entry of the same name, else append."""
    index = next((i for i, other in enumerate(entries) if other.name == entry.name), len(entries))
    entries[index : index + 1] = [entry]


def unknown(sampler: str, schedule: str) -> str | None:
    """The first of the two names that this host does not have."""
    if sampler not in sd_samplers.all_samplers_map:
        return f"sampler “{sampler}”"
    if schedule not in sd_schedulers.schedulers_map:
        return f"schedule “{schedule}”"
    return None


def default_eta(sampler: str) -> float | None:
    """The eta that one of our samplers takes from the host's options when a request sets none."""
    return getattr(shared.opts, ETAS[sampler][0]) if sampler in ETAS else None
