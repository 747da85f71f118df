"""The host's LoRA extension: its list, and how each kind of host puts LoRAs into its model."""

from pathlib import Path
from types import SimpleNamespace

from lib_hypersd.files.layers import count_layers
from tests.loras import layers, write

PATCHES = {"forge": "lora_patches", "neo": "patches", "reforge": "patches", "classic": "patches"}


def write_lora(path):
    """A LoRA of one layer, which sees the prompt of the family that the file's name says."""
    width = next((width for family, width in (("SDXL", 2048), ("SD15", 768)) if family in path.name.upper()), None)
    module = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    shapes = {f"{module}.lora_down.weight": [4, width], f"{module}.lora_up.weight": [640, 4]}
    write(path, layers({"some": (8, 8)}, "kohya", 4) if width is None else shapes)


class Loras:
    """The part of a host that lists LoRAs and loads them."""

    def install_loras(self, *names, **hashes):
        self.in_folder += [(name, hashes.get(name, "")) for name in names]
        self.list_networks()

    def list_networks(self):
        for name, _ in self.in_folder:
            if not self.lora(name).exists():
                write_lora(self.lora(name))
        self.networks.available_networks.clear()
        self.networks.available_networks.update(
            {
                name: SimpleNamespace(name=name, alias=f"{name}-alias", hash=addnet, filename=str(self.lora(name)))
                for name, addnet in self.in_folder
            }
        )

    def lora(self, name):
        return self.folder / "Lora" / f"{name}.safetensors"

    def activate(self, extra_network_data):
        """Load LoRAs: here and on Neo all that are found, elsewhere none if one is missing."""
        found = [self.networks.available_networks.get(name) for name in extra_network_data["lora"]]
        self.networks.loaded_networks.clear()
        if self.kind not in ("a1111", "neo") and None in found:
            return
        found = [disk for disk in found if disk]
        for disk in found:
            layers = range(self.layers_placed(disk.filename) if self.kind == "a1111" else 0)
            modules = {} if self.kind == "neo" else {"modules": {f"diffusion_model_{i}": 1 for i in layers}}
            self.networks.loaded_networks.append(SimpleNamespace(network_on_disk=disk, **modules))
        if self.kind != "a1111":
            self.model.current_lora_hash = str([[disk.filename, 1.0, 1.0] for disk in found])
            unet = SimpleNamespace(model=self.model.forge_objects.unet.model, **{PATCHES[self.kind]: {}})
            for disk in found:
                unet, _ = self.networks.load_lora_for_models(unet, None, {}, 1.0, 1.0, filename=disk.filename)
            self.model.forge_objects.unet = unet

    def layers_placed(self, filename):
        """How many layers of a LoRA find a place: all that it has, unless ``placed`` says otherwise."""
        return self.placed.get(Path(filename).stem, count_layers(filename) or 0)

    def load_lora_for_models(self, model, clip, lora, strength_model, strength_clip, filename="default"):
        """The network with a LoRA's patches; one of which no layer fits is dropped."""
        patches = dict(getattr(model, PATCHES[self.kind]))
        layers = [f"layer {i}" for i in range(self.layers_placed(filename))]
        if self.kind == "forge":
            patches[filename, strength_model, 1.0, False] = {layer: [filename] for layer in layers}
        else:
            patches |= {layer: [*patches.get(layer, []), strength_model] for layer in layers}
        return SimpleNamespace(model=model.model, **{PATCHES[self.kind]: patches}), clip

    def load_online(
        self, model, clip, lora, strength_model, strength_clip, filename="default", online_mode=False
    ):  # fmt: skip
        return self.load_lora_for_models(model, clip, lora, strength_model, strength_clip, filename)
