"""A host's accordion that is a checkbox as well, under whichever gradio is installed; part of the double in webui.py."""

import gradio as gr


class InputAccordion(gr.Checkbox):
    """A checkbox that is also the accordion which shows it."""

    def __init__(self, value, **kwargs):
        super().__init__(value, label=kwargs["label"], elem_id=f"{kwargs['elem_id']}-checkbox", visible=False)
        self.accordion = gr.Accordion(kwargs["label"], open=value, elem_id=kwargs["elem_id"])

    def get_config(self, *args, **kwargs):
        # Gradio 4 tells the page only what the constructor names.
        own = {name: getattr(self, name) for name in ("label", "elem_id", "visible")}
        return {**super().get_config(*args, **kwargs), **own}

    def __enter__(self):
        self.accordion.__enter__()
        return self

    def __exit__(self, *error):
        return self.accordion.__exit__(*error)

    def get_block_name(self):
        return "checkbox"
