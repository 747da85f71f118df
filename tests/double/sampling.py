"""The host's samplers: k-diffusion's functions around a network, with the request's noise, options and guidance."""

import inspect
from types import SimpleNamespace

import k_diffusion.sampling
import torch
from k_diffusion.external import CompVisDenoiser

from tests.networks import FlowDenoiser

SHAPE = (4, 8, 8)


def simple(n, sigma_min, sigma_max, inner_model, device):
    return torch.cat([inner_model.sigmas.flip(0)[:: len(inner_model.sigmas) // n][:n], torch.zeros(1)]).to(device)


class Rng:
    """Noise for each image of a batch from its own seed."""

    def __init__(self, seeds):
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def next(self):
        return torch.stack([torch.randn(SHAPE, generator=g) for g in self._generators])


class HijackedTorch:
    """k-diffusion's ``torch``, whose randn_like draws from the request's generators."""

    def __init__(self, rng):
        self.rng = rng

    def __getattr__(self, name):
        return getattr(torch, name)

    def randn_like(self, x):
        return self.rng.next()


class Conds(SimpleNamespace):
    """Positive prompts: for each image its parts with their weights."""


class Denoiser(torch.nn.Module):
    """Classifier-free guidance around the denoiser: positive and negative rows in one evaluation."""

    def __init__(self, sd_model, inner_model):
        super().__init__()
        self._host, self._is_inpainting, self.inner_model = sd_model._host, sd_model._is_inpainting, inner_model
        self.step, self.total_steps, self.p, self.image_cfg_scale = 0, 1, None, None
        if self._host.kind != "classic":
            self.need_last_noise_uncond = False
        if self._host.kind in ("a1111", "reforge"):
            self.cond_scale_miltiplier = 1.0

    def forward(self, x, sigma, uncond, cond, cond_scale, s_min_uncond, image_cond):
        opts = self._host.shared.opts
        if self.p.refiner_checkpoint_info is not None and self.step == int(self.total_steps * self._host.switch_at):
            self.p.extra_generation_params["Refiner"] = "refiner"
            self._host.networks.loaded_networks.clear()  # as does a host that loads another checkpoint
            self.p.setup_conds()
        self._host.loras_used.append([network.network_on_disk.name for network in self._host.networks.loaded_networks])
        for callback in self._host.script_callbacks.callback_map["callbacks_cfg_denoiser"]:
            callback.callback(SimpleNamespace(denoiser=self, sampling_step=self.step))
        skip = opts.skip_early_cond != 0 and self.step / self.total_steps <= opts.skip_early_cond
        if self._host.kind == "a1111" and skip and opts.batch_cond_uncond and self._is_inpainting:
            raise RuntimeError("Sizes of tensors must match")
        skip = skip or (self._host.kind != "a1111" and cond_scale == 1)
        if self._host.failure:
            raise self._host.failure
        if skip:
            if opts.skip_early_cond:
                self.p.extra_generation_params["Skip Early CFG"] = opts.skip_early_cond
            denoised = self.inner_model(x, sigma, cond=cond)
        else:
            both = self.inner_model(torch.cat([x, x]), torch.cat([sigma, sigma]), cond=cond)
            positive, negative = both.chunk(2)
            denoised = negative + (positive - negative) * cond_scale
        self.step += 1
        return denoised


class DenoiserWithMore(Denoiser):
    def forward(self, x, sigma, uncond, cond, cond_scale, s_min_uncond, image_cond, **kwargs):
        return super().forward(x, sigma, uncond, cond, cond_scale, s_min_uncond, image_cond)


class Sampler:
    pass


class KDiffusionSampler(Sampler):
    """The host's sampler: options and request become arguments of a k-diffusion function, by its signature."""

    def __init__(self, funcname, sd_model, options=None):
        self._host, network = sd_model._host, sd_model._network
        self.func = funcname if callable(funcname) else getattr(k_diffusion.sampling, funcname)
        self.model_wrap = FlowDenoiser(network).float() if sd_model._is_flow else CompVisDenoiser(network)
        denoiser = DenoiserWithMore if self._host.kind in ("reforge", "neo") else Denoiser
        self.model_wrap_cfg = denoiser(sd_model, self.model_wrap)
        self.config = self.eta = None
        self.eta_option_field, self.eta_infotext_field, self.eta_default = "eta_ancestral", "Eta", 1.0

    def get_sigmas(self, p, steps):
        discard = self._host.shared.opts.always_discard_next_to_last_sigma
        scheduler = None
        if self._host.kind != "classic":
            name = (p.hr_scheduler if p.is_hr_pass else p.scheduler) or "Automatic"
            name = name if name != "Automatic" else self.config.options.get("scheduler")
            scheduler = self._host.sd_schedulers.schedulers_map.get(name)
        if (scheduler is None or scheduler.function is None) and self.model_wrap.sigmas[-1] < 1.001:
            sigmas = simple(steps + discard, 0, 1, self.model_wrap, "cpu")
        elif scheduler is None or scheduler.function is None:
            sigmas = self.model_wrap.get_sigmas(steps + discard)
        else:
            key = "Hires schedule type" if p.is_hr_pass else "Schedule type"
            p.extra_generation_params[key] = scheduler.label
            levels = {"sigma_min": self.model_wrap.sigmas[0].item(), "sigma_max": self.model_wrap.sigmas[-1].item()}
            sigmas = scheduler.function(n=steps + discard, **levels, inner_model=self.model_wrap, device="cpu")
        return torch.cat([sigmas[:-2], sigmas[-1:]]) if discard else sigmas

    def sample(self, p, x, conditioning, unconditional_conditioning, steps=None, image_conditioning=None):
        sigmas = self.get_sigmas(p, steps or p.steps)
        x = x * (
            torch.sqrt(1 + sigmas[0] ** 2)
            if getattr(self._host.shared.opts, "sgm_noise_multiplier", False)
            else sigmas[0]
        )
        return self._run(p, x, sigmas, conditioning, unconditional_conditioning)

    def sample_img2img(
        self, p, x, noise, conditioning, unconditional_conditioning, steps=None, image_conditioning=None
    ):
        strength = min(p.denoising_strength, 0.999)
        if self._host.shared.opts.img2img_fix_steps or steps is not None:
            wanted = steps or p.steps
            total, last = (int(wanted / strength) if strength else 0), wanted - 1
        else:
            total, last = p.steps, int(strength * p.steps)
        sigmas = self.get_sigmas(p, total)[total - last - 1 :]
        start = x + noise * sigmas[0] if self.model_wrap.sigmas[-1] > 1.001 else x * (1 - sigmas[0]) + noise * sigmas[0]
        return self._run(p, start, sigmas, conditioning, unconditional_conditioning)

    def _run(self, p, x, sigmas, conditioning, unconditional_conditioning):
        opts = self._host.shared.opts
        self._started_from = x
        self.model_wrap_cfg.p, self.model_wrap_cfg.total_steps = p, len(sigmas) - 1
        if self._host.kind != "reforge":  # which has its own copy of k-diffusion
            k_diffusion.sampling.torch = HijackedTorch(p.rng)
        arguments = {}
        if "eta" in inspect.signature(self.func).parameters:
            self.eta = p.eta if p.eta is not None else getattr(opts, self.eta_option_field, 0.0)
            if self.eta != self.eta_default:
                p.extra_generation_params[self.eta_infotext_field] = self.eta
            arguments["eta"] = self.eta
        extra = {
            "cond": conditioning,
            "uncond": unconditional_conditioning,
            "cond_scale": p.hr_cfg if p.is_hr_pass and hasattr(p, "hr_cfg") else p.cfg_scale,
            "s_min_uncond": 0,
            "image_cond": None,
        }
        try:
            return self.func(self.model_wrap_cfg, x, sigmas=sigmas, extra_args=extra, disable=True, **arguments)
        finally:
            k_diffusion.sampling.torch = torch
