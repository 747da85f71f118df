"""Our schedules in the host's list, and which schedule is in force for a pass."""

from functools import partial

from modules import processing

from ..sampling.names import BY_IMAGE_SIZE
from ..sampling.schedules import TIMESTEPS, levels
from .options import get_option

try:
    from modules import sd_schedulers
except ImportError:
    sd_schedulers = None  # some hosts have no list of schedules: there each sampler has its own, once and for all

# The host's own names for ours, by label.
NAMES = {
    "Trailing": "hypersd_trailing",
    "TCD": "hypersd_tcd",
    "Start at 800": "hypersd_800",
    BY_IMAGE_SIZE: "hypersd_by_image_size",
}
LABELS = {name: label for label, name in NAMES.items()}


def register() -> None:
    """Put our schedules into the host's list, by name and so only once; that for FLUX where the host knows FLUX.

    What the user has hidden stays out of the list, and serves a plan all the same.
    """
    knows_flux = hasattr(processing.StableDiffusionProcessing, "distilled_cfg_scale")
    for label in NAMES if sd_schedulers else ():
        if label != BY_IMAGE_SIZE or knows_flux:
            entry = sd_schedulers.Scheduler(NAMES[label], label, partial(compute_sigmas, label), need_inner_model=True)
            if label not in get_option("hide_schedulers", ()):
                put(sd_schedulers.schedulers, entry)
            sd_schedulers.schedulers_map[entry.name] = sd_schedulers.schedulers_map[entry.label] = entry


def put(entries: list, entry) -> None:
    """Replace the entry of the same name, else append."""
    index = next((i for i, other in enumerate(entries) if other.name == entry.name), len(entries))
    entries[index : index + 1] = [entry]


def compute_sigmas(label, n, sigma_min, sigma_max, inner_model, device):
    """One of our schedules as the host calls it."""
    ours = levels(label, n, 1.0, inner_model.sigmas, get_tokens(inner_model))
    if ours is None:
        raise ValueError(f"“{label}” is none of Hyper-SD's schedules.")
    return ours.to(device)


def has(schedule: str, sampler_is_ours: bool) -> bool:
    """Whether the host can run a sampler on this schedule."""
    if sd_schedulers is None:
        return sampler_is_ours and schedule in TIMESTEPS
    return schedule in sd_schedulers.schedulers_map


def list_labels() -> list[str]:
    """What the host calls its schedules, those among them that the user has hidden from its list."""
    entries = sd_schedulers.schedulers_map.values() if sd_schedulers else ()
    return list(dict.fromkeys(entry.label for entry in entries))


def find_in_force(sampler, p) -> str | None:
    """The label of the schedule by which this pass of the request is sampled, or None for the sampler's own."""
    name = getattr(p, "hr_scheduler", None) if getattr(p, "is_hr_pass", False) else getattr(p, "scheduler", None)
    if name in (None, "", "Automatic"):
        name = sampler.config.options.get("scheduler")
    if sd_schedulers is None:
        return LABELS.get(name, name)
    return getattr(sd_schedulers.schedulers_map.get(name), "label", None)


def keep_size(denoiser, x) -> None:
    """Tell a schedule that goes by the image's size what that is; ``x`` are its latents, ``[B, C, H, W]``."""
    denoiser.hypersd_tokens = x.shape[-2] * x.shape[-1] // 4


def get_tokens(denoiser) -> int | None:
    """The number of a transformer's tokens for the image, where it was kept."""
    return getattr(denoiser, "hypersd_tokens", None)
