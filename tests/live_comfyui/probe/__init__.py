"""Nodes for the tests: prompts without a text encoder, diffusers' loops over the host's own network, comparison."""

import inspect
import math
import sys

import comfy.samplers
import diffusers
import torch

TRAINED = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000,
    "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1,
}  # fmt: skip


def trained(*without):
    return {name: value for name, value in TRAINED.items() if name not in without}


class Prompt:
    """Conditioning from random numbers: [1, 77, width], and [1, pooled]."""

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"seed": ("INT", {}), "width": ("INT", {}), "pooled": ("INT", {})}}

    RETURN_TYPES, FUNCTION, CATEGORY = ("CONDITIONING",), "build", "probe"

    def build(self, seed, width, pooled):
        generator = torch.Generator().manual_seed(seed)
        words = torch.randn(1, 77, width, generator=generator)
        return ([[words, {"pooled_output": torch.randn(1, pooled, generator=generator)}]],)


class Image:
    """A latent with something in it."""

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"channels": ("INT", {}), "side": ("INT", {}), "batch": ("INT", {})}}

    RETURN_TYPES, FUNCTION, CATEGORY = ("LATENT",), "build", "probe"

    def build(self, channels, side, batch):
        return ({"samples": torch.randn(batch, channels, side, side, generator=torch.Generator().manual_seed(5))},)


class Loop(comfy.samplers.Sampler):
    """diffusers' scheduler over the host's network; what comes out is the last x0, on which our samplers end too.

    ``end`` "prev_sample" gives what diffusers itself gives; ``noise`` "global" takes the steps' noise from torch's own
    generator, as some do.
    """

    def __init__(self, law, steps, eta, strength, end, noise):
        self.law, self.steps, self.eta, self.strength, self.end, self.noise = law, steps, eta, strength, end, noise

    def sample(
        self, model, sigmas, extra_args, callback, noise, latent_image=None, denoise_mask=None, disable_pbar=False
    ):
        scheduler, timesteps, euler = self.build()
        alphas = diffusers.DDIMScheduler(**TRAINED).alphas_cumprod.double()
        generator = None if self.noise == "global" else torch.Generator().manual_seed(extra_args["seed"] + 1)

        def x0(latents, t):
            """The network's x0 for latents of unit variance at timestep t."""
            alpha = alphas[int(t)]
            sigma = math.sqrt((1 - alpha) / alpha)
            found = model(latents / alpha.sqrt().item(), torch.full((len(latents),), sigma), **extra_args)
            return found, (latents - alpha.sqrt().item() * found) / (1 - alpha).sqrt().item()

        first = timesteps[:1]
        latents = scheduler.add_noise(latent_image, noise, first) if latent_image.count_nonzero() else noise * 1.0
        if euler:
            latents = noise * scheduler.init_noise_sigma
        for t in timesteps:
            unit = scheduler.scale_model_input(latents, t)
            image, eps = x0(unit, t)
            options = {"generator": generator} if self.law in ("tcd", "lcm") else {}
            options |= {"eta": self.eta} if self.law in ("tcd", "ddim") else {}
            latents = scheduler.step(eps, t, latents, **options).prev_sample
        return image if self.end == "x0" else latents

    def build(self):
        if self.law == "tcd":
            scheduler = diffusers.TCDScheduler(**TRAINED)
            scheduler.set_timesteps(self.steps, strength=self.strength)
            return scheduler, scheduler.timesteps, False
        if self.law == "ddim":
            scheduler = diffusers.DDIMScheduler(**TRAINED, timestep_spacing="trailing")
            scheduler.set_timesteps(round(self.steps / self.strength))
            return scheduler, scheduler.timesteps[-self.steps :], False
        starts = {1: [800], 2: [800, 400], 3: [800, 533, 267]}[self.steps]
        if self.law == "lcm":
            scheduler = diffusers.LCMScheduler(**TRAINED)
            scheduler.set_timesteps(timesteps=starts)
            return scheduler, scheduler.timesteps, False
        options = trained("clip_sample", "set_alpha_to_one")
        scheduler = diffusers.EulerDiscreteScheduler(**options, timestep_spacing="leading")
        scheduler.set_timesteps(timesteps=starts)
        return scheduler, scheduler.timesteps, True


class Reference:
    @classmethod
    def INPUT_TYPES(cls):
        words, number = ("STRING", {}), ("FLOAT", {})
        return {
            "required": {"law": words, "steps": ("INT", {}), "eta": number, "strength": number},
            "optional": {"end": words, "noise": words},
        }

    RETURN_TYPES, FUNCTION, CATEGORY = ("SAMPLER",), "build", "probe"

    def build(self, law, steps, eta, strength, end="x0", noise="own"):
        return (Loop(law, steps, eta, strength, end, noise),)


class Compare:
    """Relative RMS of one latent against another."""

    OUTPUT_NODE, RETURN_TYPES, FUNCTION, CATEGORY = True, (), "compare", "probe"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"one": ("LATENT",), "other": ("LATENT",)}}

    def compare(self, one, other):
        a, b = one["samples"].double(), other["samples"].double()
        rms = ((a - b).square().mean().sqrt() / b.square().mean().sqrt()).item()
        return {"ui": {"rms": [rms], "size": [b.square().mean().sqrt().item()], "dtype": [str(one["samples"].dtype)]}}


class Watch:
    """The model, and a list of the timesteps at which its network is asked, with the rows of each batch."""

    RETURN_TYPES, FUNCTION, CATEGORY = ("MODEL",), "watch", "probe"
    CALLS = {}

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"model": ("MODEL",), "key": ("STRING", {})}}

    def watch(self, model, key):
        calls = self.CALLS[key] = []
        model = model.clone()
        sampling = model.get_model_object("model_sampling")

        def ask(apply, args):
            calls.append([float(sampling.timestep(args["timestep"])[0]), len(args["input"])])
            return apply(args["input"], args["timestep"], **args["c"])

        model.set_model_unet_function_wrapper(ask)
        return (model,)


class Calls:
    """What was asked of the network of a watched model by the time this latent was there."""

    OUTPUT_NODE, RETURN_TYPES, FUNCTION, CATEGORY = True, (), "show", "probe"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"latent": ("LATENT",), "key": ("STRING", {})}}

    def show(self, latent, key):
        return {"ui": {"calls": Watch.CALLS[key], "mean": [latent["samples"].double().mean().item()]}}


class Show:
    """Values as they are."""

    OUTPUT_NODE, RETURN_TYPES, FUNCTION, CATEGORY = True, (), "show", "probe"

    @classmethod
    def INPUT_TYPES(cls):
        return {"optional": {"text": ("STRING", {"forceInput": True}), "number": ("FLOAT", {"forceInput": True}),
                             "sigmas": ("SIGMAS",), "model": ("MODEL",)}}  # fmt: skip

    def show(self, text="", number=0.0, sigmas=None, model=None):
        shown = {"text": [text], "number": [number], "sigmas": [] if sigmas is None else sigmas.tolist()}
        return {"ui": shown | {"patches": [sum(map(len, model.patches.values())) if model else 0]}}


class Names:
    """What modules have under these names: a function's or class's signature, else a type; "absent"."""

    OUTPUT_NODE, RETURN_TYPES, FUNCTION, CATEGORY = True, (), "show", "probe"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"names": ("STRING", {})}}

    def show(self, names):
        return {"ui": {"names": [[name, self.described(name)] for name in names.split()]}}

    def described(self, name):
        first, *rest = name.split(".")
        value = sys.modules[first]
        for part in rest:
            value = getattr(value, part, Names)
        if value is Names:
            return "absent"
        return str(inspect.signature(value)) if callable(value) else type(value).__name__


NODES = (Prompt, Image, Reference, Compare, Watch, Calls, Show, Names)
NODE_CLASS_MAPPINGS = {f"Probe{node.__name__}": node for node in NODES}
