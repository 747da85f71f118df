"""The sizes of a checkpoint's network by which architectures are told apart, from its header's names and shapes."""

import re
from collections.abc import Mapping
from functools import cached_property

from .naming import depths, flat, modules, network, residual_blocks, unified

__all__ = ["Network"]

NUMBERED = re.compile(r"\n((?:single_)?transformer_blocks)_(\d{1,4})(_attn2)?_")
KINDS = ("transformer_blocks", "single_transformer_blocks", "transformer_blocks_attn2")
CROSS_ATTENTION = re.compile(r"(?:down|mid|up)_block.*attn2_to_k$")
# Where the image and the prompt come in, in the order in which they are looked for.
IMAGE = ("conv_in", "x_embedder", "pos_embed_proj", "patch_embedding")
PROMPT = ("context_embedder",)
CAPTIONS = ("cap_embedder_1", "time_caption_embed_caption_embedder_1")


class Network:
    """All sizes are None (0 for counts, "" for depths) where the file does not tell them.

    ``layers`` are the shapes by unified name (``naming.unified``), ``text`` all names, one a line. ``double`` and
    ``single`` count the blocks of a transformer, ``dual`` those up to the last with a second attention.
    """

    def __init__(self, shapes: Mapping[str, list[int]]):
        tensors = network(shapes)
        found = modules(tensors)
        self.layers = unified(found)
        self.text = "\n".join(["", *self.layers, *map(flat, tensors), ""])
        self.down, self.middle, self.up = depths(self.text, residual_blocks(found))
        numbers: dict[str, int] = {}
        for kind, number, dual in set(NUMBERED.findall(self.text)):
            for one in (kind, kind + dual):
                numbers[one] = max(numbers.get(one, 0), int(number) + 1)
        self.double, self.single, self.dual = (numbers.get(kind, 0) for kind in KINDS)

    @property
    def deepest(self) -> int:
        return max(map(int, re.findall(r"\d+", f"{self.down} {self.middle} {self.up}")), default=0)

    @cached_property
    def context(self) -> int | None:
        """The width of the prompt's encoding in a UNet's cross attention."""
        widths = {shape[-1] for name, shape in self.layers.items() if shape and CROSS_ATTENTION.match(name)}
        return widths.pop() if len(widths) == 1 else None

    @property
    def width(self) -> int | None:
        return self.size(0, *IMAGE, *PROMPT, *self.inside("_attn_to_q"))

    @property
    def inputs(self) -> int | None:
        """Latent channels, those of a patch together where the network cuts the image into patches by a matrix."""
        first = self.layers.get("conv_in")
        return first[1] // 9 if first and len(first) == 2 else self.size(1, *IMAGE)

    @property
    def outputs(self) -> int | None:
        return self.size(0, "conv_out")

    @property
    def pooled(self) -> int | None:
        """The width of what the text encoders say in one vector, and of what SDXL adds to it."""
        return self.size(1, "add_embedding_linear_1", "time_text_embed_text_embedder_linear_1")

    @property
    def feed(self) -> int | None:
        return self.size(0, *self.inside("_ff_net_0_proj"))

    @property
    def prompt(self) -> int | None:
        return self.size(1, *PROMPT)

    @property
    def captions(self) -> int | None:
        return self.size(0, *CAPTIONS) or self.size(1, "txt_in")

    def inside(self, end: str) -> list[str]:
        """Layers of the blocks with this end of their names."""
        return [name for name in self.layers if name.startswith("transformer_blocks_") and name.endswith(end)]

    def size(self, axis: int, *names: str) -> int | None:
        """That axis of the first of these layers that the file has."""
        shape = next((shape for name in names if (shape := self.layers.get(name))), None)
        return shape[axis] if shape and len(shape) > axis else None
