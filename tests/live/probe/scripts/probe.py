"""An extension for the live tests: what the network was asked, and what the host's lists and options look like."""

import time

from modules import script_callbacks, scripts, sd_samplers, sd_schedulers, shared

# The host's modules outlive a reload of the UI, this file does not.
calls = vars(shared).setdefault("hypersd_probe_calls", [])


def network(sd_model):
    return sd_model.model.diffusion_model


def watch(sd_model):
    def record(module, args, kwargs):
        x = args[0] if args else kwargs["x"]
        t = args[1] if len(args) > 1 else kwargs["timesteps"]
        calls.append({"rows": x.shape[0], "timestep": float(t.flatten()[0])})

    network(sd_model).register_forward_pre_hook(record, with_kwargs=True)


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

    @app.get("/hypersd-probe/host")
    def host():
        options = {key: repr(value) for key, value in sorted(shared.opts.data.items())}
        return {
            "samplers": [s.name for s in sd_samplers.all_samplers],
            "schedulers": [s.label for s in sd_schedulers.schedulers],
            "options": options,
            "shadows": sorted(set(vars(shared.opts)) - {"data", "data_labels", "restricted_opts"}),
            "hooks": len(network(shared.sd_model)._forward_pre_hooks),
            "forward": "forward" in vars(network(shared.sd_model)),
        }


script_callbacks.on_model_loaded(watch)
script_callbacks.on_app_started(routes)
