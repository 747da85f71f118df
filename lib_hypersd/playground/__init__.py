"""The same plan over diffusers: the only room that imports diffusers, transformers, Pillow or a current gradio."""
