"""Graphs of the tests, in API form."""

from itertools import count


class Graph(dict):
    """``graph.add(NODE, input=value, …)`` gives the node's id; ``(id, slot)`` as a value is a link."""

    def __init__(self):
        super().__init__()
        self.numbers = count(1)

    def add(self, kind, **inputs):
        number = str(next(self.numbers))
        linked = {name: list(value) if isinstance(value, tuple) else value for name, value in inputs.items()}
        self[number] = {"class_type": kind, "inputs": linked}
        return number


class Sampling(Graph):
    """A checkpoint, two prompts and a latent, ready to be sampled."""

    def __init__(self, checkpoint="small_sd15", width=768, pooled=768, channels=4, image=False, batch=1, side=8):
        super().__init__()
        loader = self.add("CheckpointLoaderSimple", ckpt_name=f"{checkpoint}.safetensors")
        self.model, self.clip, self.vae = ((loader, slot) for slot in range(3))
        self.positive, self.negative = (
            (self.add("ProbePrompt", seed=seed, width=width, pooled=pooled), 0) for seed in (1, 2)
        )
        if image:
            self.latent = (self.add("ProbeImage", channels=channels, side=side, batch=batch), 0)
        else:
            kind = "EmptyLatentImage" if channels == 4 else "EmptySD3LatentImage"
            self.latent = (self.add(kind, width=8 * side, height=8 * side, batch_size=batch), 0)

    def schedule(self, name, steps, denoise=1.0, **inputs):
        return (
            self.add("HyperSDFewStepSchedule", model=self.model, schedule=name, steps=steps, denoise=denoise, **inputs),
            0,
        )

    def sample(self, sampler, sigmas, cfg=1.0, seed=1, model=None, latent=None, noise=True):
        node = self.add(
            "SamplerCustom", model=model or self.model, add_noise=noise, noise_seed=seed, cfg=cfg, positive=self.positive,
            negative=self.negative, sampler=sampler, sigmas=sigmas, latent_image=latent or self.latent,
        )  # fmt: skip
        return node, 0

    def reference(self, law, steps, eta=0.0, strength=1.0, **more):
        return self.add("ProbeReference", law=law, steps=steps, eta=eta, strength=strength, **more), 0

    def tcd(self, eta=0.3):
        return self.add("HyperSDTCDSampler", eta=eta), 0

    def ddim(self, eta=0.0):
        return self.add("HyperSDDDIMTrailingSampler", eta=eta), 0

    def compare(self, one, other):
        return self.add("ProbeCompare", one=one, other=other)
