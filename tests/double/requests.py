"""A request of the host, run through a script's hooks in the host's order, and its API."""

import base64
import copy
import functools
import io
import json
from types import SimpleNamespace

import torch
from fastapi import FastAPI, HTTPException
from PIL import Image

from lib_hypersd.plan.tags import strip_comments

from .parts import WITH_PREDICTORS
from .sampling import SHAPE, Conds, Rng


class Processing:
    """A txt2img request, or one of img2img (which has its sampler before its prompts are parsed).

    ``parts`` are the weights of each image's prompt parts.
    """

    def __init__(self, host, prompt="a cat", *, img2img=False, parts=((1.0,),), **given):
        self._host, self._img2img, self._parts = host, img2img, parts
        fields = {
            "prompt": prompt, "steps": 20, "cfg_scale": 7.0, "sampler_name": "Euler", "eta": None, "seed": 1, "batch_size": 1,
            "denoising_strength": 0.75, "refiner_checkpoint_info": None, "disable_extra_networks": False, "sampler": None,
            "is_hr_pass": False, "extra_generation_params": {}, "comments": {}, "is_api": False,
            "scripts": SimpleNamespace(alwayson_scripts=[]),
            "script_args": (),
        }  # fmt: skip
        if not img2img:
            fields |= {
                "enable_hr": False,
                "hr_prompt": None,
                "hr_scale": 2.0,
                "hr_resize_x": 0,
                "hr_resize_y": 0,
                "hr_upscaler": "Latent",
                "hr_second_pass_steps": 0,
                "hr_sampler_name": None,
                "hr_checkpoint_name": None,
            }
        if host.kind != "classic":
            fields |= {"scheduler": "Automatic"} | ({} if img2img else {"hr_scheduler": None})
        if host.kind in ("forge", "neo", "reforge") and not img2img:
            fields |= {"hr_cfg": 7.0}
        if host.kind in WITH_PREDICTORS:
            fields |= {"distilled_cfg_scale": 3.5}
            if host.kind == "forge" or not img2img:
                fields |= {"hr_distilled_cfg": 3.5}
        if host.kind in ("forge", "neo") and not img2img:
            fields |= {"hr_additional_modules": []}
        unknown = given.keys() - fields.keys()
        assert not unknown, f"such a request has no {unknown}"
        vars(self).update(fields | given)
        if not img2img:
            self.__class__ = FromText

    @property
    def sd_model(self):
        return self._host.model

    def close(self):
        """What frees a request that has been run."""

    def comment(self, text):
        self.comments[text] = 1

    def setup_conds(self):
        """What the denoiser calls again when a refiner has taken over."""


class DecodedSamples(list):
    already_decoded = True


class FromText(Processing):
    """What only a request of txt2img has."""

    def sample_hr_pass(self, samples, decoded_samples, seeds, subseeds, subseed_strength, prompts):
        return self._host.make_second_pass(self, samples)


class Requests:
    """The part of a host that runs requests."""

    def cell(self, p, *axes):
        """A cell of an X/Y/Z plot: a shallow copy of the request with each (label, value) applied."""
        p = copy.copy(p)
        for label, value in axes:
            for option in [o for o in self.xyz.axis_options if o.label == label][:1]:
                option.apply(p, value, [value])
        return p

    def process_images(self, p, script, args=(False,), between=lambda p: None):
        """Run the request; ``between`` stands for another extension's ``process``, after ours. Returns the latents."""
        prompts = p.prompt if isinstance(p.prompt, list) else [p.prompt] * p.batch_size
        p.all_prompts, p.main_prompt = list(prompts), prompts[0]
        p.all_negative_prompts = [""] * len(prompts)
        if not p._img2img:
            p.all_hr_prompts = [p.hr_prompt or prompt for prompt in prompts] if p.hr_prompt is not None else None
            p.all_hr_negative_prompts = p.all_hr_prompts and [""] * len(prompts)
        self.hook(script.process, p, *args)
        between(p)
        if getattr(p, "enable_hr", False):
            self.prepare_second_pass(p)
        self.prepare_batch(p, script, args)
        noise = p.rng.next()
        conds = Conds(
            batch=[[SimpleNamespace(weight=w) for w in p._parts[i % len(p._parts)]] for i in range(p.batch_size)]
        )
        self.network.timesteps.clear()
        p.setup_conds()
        samples = self.sample(p, noise, conds, functools.partial(self.before_sampling, p, script, args))
        given = SimpleNamespace(samples=DecodedSamples(samples) if getattr(p, "enable_hr", False) else samples)
        self.hook(script.post_sample, p, given, *args)
        decoded = given.samples if hasattr(given.samples, "already_decoded") else self.decode(p, given.samples)
        self.hook(script.postprocess_batch, p, *args, images=decoded, batch_number=0)
        return samples

    def decode(self, p, samples):
        """What the host does with latents itself, and what it writes of its decoder."""
        if self.shared.opts.sd_vae_decode_method != "Full":
            p.extra_generation_params["VAE Decoder"] = self.shared.opts.sd_vae_decode_method
        return self.decode_latent_batch(p.sd_model, samples, target_device=torch.device("cpu"), check_for_nans=True)

    def decode_latent_batch(self, model, batch, target_device=None, check_for_nans=False):
        self.decoders.append(self.shared.opts.sd_vae_decode_method)
        return DecodedSamples(batch)

    def prepare_batch(self, p, script, args):
        """The prompts without their tags, the LoRAs loaded, the sampler made."""
        if p._img2img:
            p.sampler = self.create_sampler(p.sampler_name, p.sd_model)
        p.prompts = p.all_prompts[: p.batch_size]
        p.rng = Rng([p.seed + i for i in range(p.batch_size)])
        self.hook(script.before_process_batch, p, *args, batch_number=0, prompts=p.prompts)
        from lib_hypersd.plan.tags import find, remove_all

        tags = [] if p.disable_extra_networks else find(p.prompts[0])
        p.extra_network_data = {"lora": [tag.name for tag in tags]}
        if not p._img2img:
            p.hr_extra_network_data = p.extra_network_data
        self.activate(p.extra_network_data)
        p.prompts = [remove_all(prompt) for prompt in p.prompts]
        self.hook(script.process_batch, p, *args, batch_number=0, prompts=p.prompts)
        if not p._img2img:
            p.sampler = self.create_sampler(p.sampler_name, p.sd_model)

    def before_sampling(self, p, script, args, x, noise, conds, times=1):
        for _ in range(times):
            self.hook(script.process_before_every_sampling, p, *args, x=x, noise=noise, c=conds, uc=None)

    @staticmethod
    def prepare_second_pass(p):
        """What the host does in ``init``; it wants the prompts of the second pass from then on."""
        values = {
            "Denoising strength": p.denoising_strength,
            "Hires upscale": p.hr_scale,
            "Hires upscaler": p.hr_upscaler,
        }
        p.extra_generation_params |= values
        assert len(p.all_hr_prompts) == len(p.all_hr_negative_prompts) == len(p.all_prompts)

    def sample(self, p, noise, conds, before_sampling):
        """The latents of the request's only pass, or of its second."""
        if p._img2img:
            image = self.image(p)
            before_sampling(image, noise, conds)
            return p.sampler.sample_img2img(p, image, noise, conds, None)
        before_sampling(noise, noise, conds)
        samples = p.sampler.sample(p, noise, conds, None)
        if not p.enable_hr:
            return samples
        self.decode_latent_batch(p.sd_model, samples)  # to be enlarged
        p._before_second_pass = functools.partial(before_sampling, conds=conds)
        return p.sample_hr_pass(samples, None, None, None, 0, p.prompts)

    def make_second_pass(self, p, samples):
        p.is_hr_pass = True
        if self.kind != "classic":
            p.hr_scheduler = p.hr_scheduler or p.scheduler
        p.sampler = self.create_sampler(p.hr_sampler_name or p.sampler_name, p.sd_model)
        noise = p.rng.next()
        p._before_second_pass(samples, noise, times=2 if self.kind == "forge" else 1)
        conds = p._before_second_pass.keywords["conds"]
        samples = p.sampler.sample_img2img(p, samples, noise, conds, None, steps=p.hr_second_pass_steps or p.steps)
        self.decode_latent_batch(p.sd_model, samples)
        p.is_hr_pass = False
        return samples

    @staticmethod
    def image(p):
        """The latents that img2img starts from."""
        return torch.randn((p.batch_size, *SHAPE), generator=torch.Generator().manual_seed(99))

    def strip_comments(self, p):
        """The host's own script for comments, which runs after ours."""
        if getattr(self.shared.opts, "enable_prompt_comments", True):
            p.all_prompts = [strip_comments(prompt) for prompt in p.all_prompts]
            p.main_prompt = strip_comments(p.main_prompt)

    def app(self, script):
        """The host's API after its start: its two routes that make images, and what was registered beside them."""
        app = FastAPI()

        @app.post("/sdapi/v1/txt2img")
        def txt2img(payload: dict):
            return self.answer(script, payload, img2img=False)

        @app.post("/sdapi/v1/img2img")
        def img2img(payload: dict):
            return self.answer(script, payload, img2img=True)

        for callback in self.script_callbacks.callback_map["callbacks_app_started"]:
            callback.callback(None, app)
        return app

    def answer(self, script, payload, img2img):
        """A request that came through the API, and what is sent back."""
        if img2img and not payload.get("init_images"):
            raise HTTPException(404, "Init image not found")
        p = Processing(self, img2img=img2img)
        vars(p).update((name, value) for name, value in payload.items() if name in vars(p))
        scripts = {title.lower(): given["args"] for title, given in payload.get("alwayson_scripts", {}).items()}
        latents = self.process_images(p, script, scripts.get(script.title().lower(), [False]))
        file = io.BytesIO()
        Image.fromarray((latents[0, :3].permute(1, 2, 0).clamp(-1, 1) * 127 + 128).byte().numpy()).save(file, "PNG")
        info = {"prompt": p.all_prompts[0], "extra_generation_params": p.extra_generation_params}
        return {"images": [base64.b64encode(file.getvalue()).decode()], "parameters": payload, "info": json.dumps(info)}

    @staticmethod
    def hook(function, *args, **kwargs):
        """The real host logs what a hook raises and goes on; here it fails the test."""
        function(*args, **kwargs)
