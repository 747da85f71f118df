"""A plan over diffusers: what is recommended for a checkpoint, set on a pipeline of diffusers.

    python -m examples.plan_over_diffusers CHECKPOINT LORAS STEPS PROMPT

CHECKPOINT is an SD1.5 as diffusers loads it (a folder, or a name on the hub), LORAS the folder with Hyper-SD's LoRAs.
"""

import sys

from diffusers import DDIMScheduler, StableDiffusionPipeline, TCDScheduler

from lib_hypersd.plan import Model, Request, make_plan
from lib_hypersd.recipes.catalog import published
from lib_hypersd.recipes.settings import Settings

# Our samplers' names, and the schedulers of diffusers that step as they do, on the same timesteps.
SCHEDULERS = {
    "TCD": (TCDScheduler, {}),
    "DDIM-Trailing": (DDIMScheduler, {"timestep_spacing": "trailing", "clip_sample": False}),
}

checkpoint, loras, steps, prompt = sys.argv[1:]
# The plan names the file; without a list of files, all that are published are taken to be at hand.
plan = make_plan(Request(Settings(enabled=True, steps=int(steps)), Model("sd15")), published())
if plan.problem:
    sys.exit(plan.problem)
print(plan.sentence)

pipe = StableDiffusionPipeline.from_pretrained(checkpoint)
pipe.load_lora_weights(loras, weight_name=plan.recipe.file, adapter_name="hyper-sd")
pipe.set_adapters("hyper-sd", plan.weight)
scheduler, options = SCHEDULERS[plan.sampler]
pipe.scheduler = scheduler.from_config(pipe.scheduler.config, **options)
image = pipe(prompt, num_inference_steps=plan.steps, guidance_scale=plan.cfg, eta=plan.eta or 0.0).images[0]
image.save("image.png")
