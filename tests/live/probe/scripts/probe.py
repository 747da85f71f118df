"""An extension for the live tests: what the network was asked, and what the host's lists and options look like."""

import sys
import time
from pathlib import Path

import gradio as gr
import hypersd_facts
import torch
from modules import extra_networks, script_callbacks, scripts, sd_samplers, shared

try:
    from modules.sd_schedulers import schedulers
except ImportError:  # a host whose sampler names say the schedule
    schedulers = []

# The host's modules outlive a reload of the UI, this file does not.
calls = vars(shared).setdefault("hypersd_probe_calls", [])
kept = vars(shared).setdefault("hypersd_probe_kept", [])
interrupt_in = vars(shared).setdefault("hypersd_probe_interrupt_in", [])
facts = vars(shared).setdefault("hypersd_probe_facts", {"asked": None, "found": None})
own_attributes = vars(shared).setdefault("hypersd_probe_attributes", set(vars(shared.opts)))


def network(sd_model):
    """The network of a loaded model, or None: hosts of Forge's kind keep it elsewhere, and load it late."""
    objects = getattr(sd_model, "forge_objects", None)
    inner = objects.unet.model if objects else getattr(sd_model, "model", None)
    return getattr(inner, "diffusion_model", None)


def record(module, args, kwargs):
    x = args[0] if args else kwargs["x"]
    t = args[1] if len(args) > 1 else kwargs["timesteps"]
    loaded = getattr(sys.modules.get("networks"), "loaded_networks", [])
    loras = [network.network_on_disk.name for network in loaded]
    if interrupt_in:
        interrupt_in[0] -= 1
        if not interrupt_in[0]:
            shared.state.interrupt()
    calls.append({"rows": x.shape[0], "timestep": float(t.flatten()[0]), "loras": loras})


def watch(sd_model):
    module = network(sd_model)
    if module is not None and not hasattr(module, "hypersd_probe"):
        module.hypersd_probe = module.register_forward_pre_hook(record, with_kwargs=True)


class Controls:
    """Counts the evaluations of ControlNets, of whichever host, while it is on."""

    count, handle = 0, None

    def record(self, module, args):
        self.count += type(module).__name__ == "ControlNet"

    def switch(self, on):
        if self.handle:
            self.handle.remove()
        self.handle = torch.nn.modules.module.register_module_forward_pre_hook(self.record) if on else None
        count, self.count = self.count, 0
        return count


def hooks_of(module):
    """The hooks that others have put before the network."""
    return [hook for hook in getattr(module, "_forward_pre_hooks", {}).values() if hook.__name__ != "record"]


class Probe(scripts.Script):
    def title(self):
        return "Hyper-SD probe"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return [gr.Number(label="Interrupt at this evaluation", value=0, visible=False)]

    def process(self, p, interrupt_at=0):
        interrupt_in[:] = [int(interrupt_at)] if interrupt_at else []
        # A host's image encoder draws noise from where the last request has left the generator; so images compare.
        torch.manual_seed(0)

    def process_before_every_sampling(self, p, *args, **kwargs):
        watch(p.sd_model)
        if facts["asked"]:
            given = {"txt2img": p, "img2img": p, "cond": kwargs["c"]}
            facts["found"] = hypersd_facts.record(**facts["asked"], given=given)
            facts["asked"] = None

    def post_sample(self, p, ps, *args):
        mask = getattr(p, "mask", None)
        kept[:] = [] if mask is None else [float(((ps.samples - p.init_latent) * mask).abs().max())]


HOOKS = ("process", "before_process_batch", "process_batch", "process_before_every_sampling")


def time_hooks(spent):
    """Sum up, in seconds, what Hyper-SD's hooks take."""

    def timed(hook):
        def call(*args, **kwargs):
            start = time.perf_counter()
            try:
                return hook(*args, **kwargs)
            finally:
                spent.append(time.perf_counter() - start)

        return call

    for script in scripts.scripts_txt2img.alwayson_scripts:
        if script.title() == "Hyper-SD":
            for name in HOOKS:
                setattr(script, name, timed(getattr(script, name)))


def read_prompt(prompt, strip_comments):
    text, networks = extra_networks.parse_prompt(prompt)
    found = {kind: [network.items for network in of_kind] for kind, of_kind in networks.items()}
    return {"stripped": strip_comments(prompt), "networks": found, "text": text}


def routes(demo, app):
    spent = []
    time_hooks(spent)

    @app.get("/hypersd-probe/hooks")
    def take_spent():
        """Milliseconds inside Hyper-SD's hooks since the last look."""
        total = sum(spent) * 1000
        spent.clear()
        return total

    @app.get("/hypersd-probe/calls")
    def take_calls():
        """Every evaluation of the network since the last look."""
        taken = list(calls)
        calls.clear()
        return taken

    controls = Controls()

    @app.post("/hypersd-probe/controls")
    def count_controls(payload: dict):
        """Every evaluation of a ControlNet since the last time that this was switched on; and on or off."""
        return controls.switch(payload["on"])

    @app.get("/hypersd-probe/kept")
    def take_kept():
        """The largest change of the last image's latents outside its mask, or null where it had none."""
        return kept.pop() if kept else None

    @app.post("/hypersd-probe/facts")
    def ask_for_facts(question: dict):
        """Have the facts of these names recorded in the next request, when it is about to be sampled."""
        facts["asked"] = question

    @app.get("/hypersd-probe/facts")
    def take_facts():
        return facts["found"]

    @app.post("/hypersd-probe/prompts")
    def read_prompts(payload: dict):
        """What the host reads in each prompt, the comments and the networks apart from one another."""
        loaded = (data.module for data in scripts.scripts_data if Path(data.path).name == "comments.py")
        comments = sys.modules.get("modules.processing_scripts.comments") or next(loaded)
        return [read_prompt(prompt, comments.strip_comments) for prompt in payload["prompts"]]

    @app.get("/hypersd-probe/host")
    def host():
        module = network(shared.sd_model)
        options = {key: repr(value) for key, value in sorted(shared.opts.data.items())}
        return {
            "samplers": [s.name for s in sd_samplers.all_samplers],
            "schedulers": [s.label for s in schedulers],
            "options": options,
            "shadows": sorted(set(vars(shared.opts)) - own_attributes),
            "hooks": len(hooks_of(module)),
            "forward": "forward" in vars(module) if module else False,
        }


script_callbacks.on_model_loaded(watch)  # in the middle of a request, by a refiner
script_callbacks.on_app_started(routes)
