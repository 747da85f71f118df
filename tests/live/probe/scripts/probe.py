"""An extension for the live tests: what the network was asked, and what the host's lists and options look like."""

from modules import script_callbacks, sd_samplers, sd_schedulers, shared

calls = []


def network(sd_model):
    return sd_model.model.diffusion_model


def watch(sd_model):
    def record(module, args, kwargs):
        x = args[0] if args else kwargs["x"]
        t = args[1] if len(args) > 1 else kwargs["timesteps"]
        calls.append({"rows": x.shape[0], "timestep": float(t.flatten()[0])})

    network(sd_model).register_forward_pre_hook(record, with_kwargs=True)


def routes(demo, app):
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
