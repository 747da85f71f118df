"""The hooks of the WebUI; what they do stands in ``lib_hypersd.webui``.

Nothing is registered through the functions of ``script_callbacks``: each inspects the whole stack, 55 ms a call.
"""

from modules import scripts

from lib_hypersd.webui import api, axes, inner_passes, live, loading, request, samplers, schedules, settings_page, ui


class HyperSD(scripts.Script):
    section = "accordions"
    create_group = False
    prompt = None

    def title(self):
        return "Hyper-SD"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def after_component(self, component, **kwargs):
        if kwargs.get("elem_id") == f"{self.tabname}_prompt":
            self.prompt = component

    def ui(self, is_img2img):
        # The host also builds the panel where no prompt is, only to read its defaults: the prompt serves once.
        prompt, self.prompt = self.prompt, None
        controls, self.infotext_fields = ui.build(self.tabname, prompt)
        return controls

    def process(self, p, *args):
        request.begin(p, args)
        inner_passes.watch(p)

    def before_process_batch(self, p, *args, **kwargs):
        request.keep_tags(p)

    def process_batch(self, p, *args, **kwargs):
        request.confirm(p)

    def process_before_every_sampling(self, p, *args, x, **kwargs):
        request.prepare_pass(p, x)

    def post_sample(self, p, ps, *args):
        request.decode(p, ps)

    def postprocess_batch(self, p, *args, **kwargs):
        request.check_refiner(p)


settings_page.register()
schedules.register()
samplers.register()
loading.register()
axes.register()
api.register(__file__)
live.register(__file__)
inner_passes.register(__file__)
