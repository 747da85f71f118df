"""Headers of checkpoints as they are published: names and shapes of the network's tensors by architecture.

Sizes and names are those of diffusers' and ComfyUI's models, made without weights and compared name by name: UNets, SD3,
FLUX and Chroma whole, the rest (``tests.other_networks``) in all blocks and what they are known by.
"""

import re

from tests import loras
from tests.live.layouts import conv, flux, join, linear, mmdit, norm, residual, transformer, under, unet
from tests.other_networks import (
    auraflow,
    cascade,
    cosmos,
    ernie_image,
    hidream,
    hunyuan,
    hunyuan_image,
    hunyuan_video_15,
    krea2,
    ltx,
    lumina,
    pid,
    pixart,
    qwen,
    times,
    wan,
    wan_in_diffusers,
    zimage,
    zimage_in_diffusers,
)

NETWORK = "model.diffusion_model."
XL = {"context": 2048, "linear_projection": True, "adm": 2816}

# UNets.


def sd1(inner=4):
    return unet(320, (1, 2, 4, 4), [1] * 6 + [0] * 2, 1, [0] * 3 + [1] * 9, 768, inner=inner)


def sd2(inner=4):
    blocks = ([1] * 6 + [0] * 2, 1, [0] * 3 + [1] * 9)
    return unet(320, (1, 2, 4, 4), *blocks, 1024, linear_projection=True, inner=inner)


def sdxl(inner=4, outer=4, adm=2816):
    shapes = unet(
        320, (1, 2, 4), [0, 0, 2, 2, 10, 10], 10, [10] * 3 + [2] * 3 + [0] * 3, **XL | {"adm": adm}, inner=inner
    )
    return shapes | conv("out.2", 320, outer)


def bk_sdm():
    """BK-SDM base: the second residual block of each level is gone, on the way up the third."""
    layout = loras.unet(levels=((1, 1), (1, 1), (1, 1), (1, 0)))
    return unet_in_diffusers(layout)


def refiner():
    blocks = ([0, 0, 4, 4, 4, 4, 0, 0], 4, [0] * 3 + [4] * 6 + [0] * 3)
    return unet(384, (1, 2, 4, 4), *blocks, 1280, linear_projection=True, adm=2560)


def pruned(depths, out_depths):
    """SSD-1B's and Vega's: without attention and second residual block in the middle."""
    shapes = unet(320, (1, 2, 4), depths, 1, out_depths, **XL)
    return {key: shape for key, shape in shapes.items() if not key.startswith(("middle_block.1", "middle_block.2"))}


def koala(depth, middle):
    """KOALA's: one residual block a level on the way down, two on the way up."""
    width, emb = 320, 1280
    keys = join(linear("time_embed.0", width, emb), linear("time_embed.2", emb, emb))
    keys |= join(
        linear("label_emb.0.0", 2816, emb), linear("label_emb.0.2", emb, emb), conv("input_blocks.0.0", 4, 320)
    )

    def block(name, inner, outer, deep):
        keys.update(residual(f"{name}.0", inner, outer, emb))
        if deep:
            keys.update(transformer(f"{name}.1", outer, deep, 2048, True))

    for number, inner, outer, deep in ((1, 320, 320, 0), (3, 320, 640, 2), (5, 640, 1280, depth)):
        block(f"input_blocks.{number}", inner, outer, deep)
    for number, wide in ((2, 320), (4, 640)):
        keys |= conv(f"input_blocks.{number}.0.op", wide, wide)
    if middle:
        keys |= join(residual("middle_block.0", 1280, 1280, emb), residual("middle_block.2", 1280, 1280, emb))
        keys |= transformer("middle_block.1", 1280, middle, 2048, True)
    widths = ((2560, 1280, depth), (1920, 1280, depth), (1920, 640, 2), (960, 640, 2), (960, 320, 0), (640, 320, 0))
    for number, (inner, outer, deep) in enumerate(widths):
        block(f"output_blocks.{number}", inner, outer, deep)
    keys |= join(conv("output_blocks.1.2.conv", 1280, 1280), conv("output_blocks.3.2.conv", 640, 640))
    return join(keys, norm("out.0", 320), conv("out.2", 320, 4))


def in_diffusers(layout, biased=()):
    """The layers of ``tests.loras`` as a checkpoint has them: UNets' query, key and value have no bias."""
    shapes = {f"{name}.weight": shape for name, shape in layout.items()}
    return shapes | {f"{name}.bias": shape[:1] for name, shape in layout.items() if not name.endswith(biased)}


def unet_in_diffusers(layout, inner=4, extra=()):
    ends = join(conv("conv_in", inner, 320), conv("conv_out", 320, 4), norm("conv_norm_out", 320))
    return ends | in_diffusers(layout, ("to_q", "to_k", "to_v")) | dict(extra)


def added(pooled):
    return join(linear("add_embedding.linear_1", pooled, 1280), linear("add_embedding.linear_2", 1280, 1280))


KOLORS = unet_in_diffusers(loras.sdxl_unet(), extra=join(added(5632), linear("encoder_hid_proj", 4096, 2048)))


# SD3 and FLUX.


def sd35(depth, dual=0, positions=192):
    """SD3.5 norms query and key of each head; the first blocks of medium have a second attention."""
    width, shapes = 64 * depth if depth != 24 else 1536, mmdit(depth, 2048, positions)
    for i in range(depth):
        for side in ("x_block", "context_block"):
            shapes |= {f"joint_blocks.{i}.{side}.attn.ln_{part}.weight": (64,) for part in "qk"}
        if i < dual:
            block = f"joint_blocks.{i}.x_block"
            shapes |= join(linear(f"{block}.attn2.qkv", width, 3 * width), linear(f"{block}.attn2.proj", width, width))
            shapes |= {f"{block}.attn2.ln_{part}.weight": (64,) for part in "qk"}
            shapes |= linear(f"{block}.adaLN_modulation.1", width, 9 * width)
    return shapes


def flux1(double=19, single=38, inputs=64, guidance=True):
    shapes = flux(double, single) | linear("img_in", inputs, 3072)
    return {key: shape for key, shape in shapes.items() if guidance or not key.startswith("guidance_in")}


def chroma(radiance=False):
    """FLUX's blocks without what they learn of time and guidance, which one small network makes for all of them."""
    gone = re.compile(r"time_in|vector_in|guidance_in|.*_mod\.lin|.*modulation" + (r"|img_in|final_layer" * radiance))
    shapes = {key: shape for key, shape in flux(19, 38).items() if not gone.match(key)}
    shapes |= join(
        linear("distilled_guidance_layer.in_proj", 64, 5120), linear("distilled_guidance_layer.out_proj", 5120, 3072)
    )
    layer = join(linear("in_layer", 5120, 5120), linear("out_layer", 5120, 5120))
    shapes |= times(5, "distilled_guidance_layer.layers", layer) | times(
        5, "distilled_guidance_layer.norms", {"scale": (5120,)}
    )
    if radiance:
        shapes |= conv("img_in_patch", 3, 3072, 16) | conv("nerf_final_layer_conv.conv", 64, 3)
        shapes |= linear("nerf_image_embedder.embedder.0", 67, 64)
        shapes |= times(4, "nerf_blocks", linear("param_generator", 3072, 49152) | {"norm.scale": (64,)})
    return shapes


def flux2(width, double, single, prompt, guidance):
    """FLUX.2's: one modulation for all blocks, no biases, an MLP three times as wide whose halves are multiplied."""

    def plain(name, inner, outer):
        return linear(name, inner, outer, bias=False)

    keys = join(plain("img_in", 128, width), plain("txt_in", prompt, width), plain("final_layer.linear", width, 128))
    keys |= plain("final_layer.adaLN_modulation.1", width, 2 * width)
    for name in ("time_in", "guidance_in") if guidance else ("time_in",):
        keys |= join(plain(f"{name}.in_layer", 256, width), plain(f"{name}.out_layer", width, width))
    for name, count in (
        ("double_stream_modulation_img", 6),
        ("double_stream_modulation_txt", 6),
        ("single_stream_modulation", 3),
    ):
        keys |= plain(f"{name}.lin", width, count * width)
    heads = {f"norm.{part}_norm.scale": (128,) for part in ("query", "key")}
    for side in ("img", "txt"):
        attention = under(f"{side}_attn.", join(plain("qkv", width, 3 * width), plain("proj", width, width), heads))
        feed = join(plain(f"{side}_mlp.0", width, 6 * width), plain(f"{side}_mlp.2", 3 * width, width))
        keys |= times(double, "double_blocks", attention | feed)
    return keys | times(
        single, "single_blocks", join(plain("linear1", width, 9 * width), plain("linear2", 4 * width, width), heads)
    )


# By the id of the architecture: the network, as published without a prefix.
LAYOUTS = {
    "sd1": sd1(), "sd1-inpainting": sd1(9), "sd1-pix2pix": sd1(8), "sd2": sd2(), "sd2-inpainting": sd2(9),
    "sd2-depth": sd2(5), "sdxl": sdxl(), "sdxl-inpainting": sdxl(9), "sdxl-pix2pix": sdxl(8), "mugen": sdxl(32, 32),
    "sdxl-refiner": refiner(), "kolors": KOLORS,
    "ssd-1b": pruned([0, 0, 2, 2, 4, 4], [4, 4, 10, 2, 1, 1, 0, 0, 0]),
    "sdxl-pruned": pruned([0, 0, 1, 1, 4, 4], [4, 4, 4, 1, 1, 1, 0, 0, 0]), "sd1-pruned": bk_sdm(),
    "segmind-vega": pruned([0, 0, 1, 1, 2, 2], [2, 2, 2, 1, 1, 1, 0, 0, 0]),
    "koala-700m": koala(5, 0), "koala-1b": koala(6, 6),
    "sd3-medium": mmdit(24, 2048, 192), "sd35-medium": sd35(24, 13, 384), "sd35-large": sd35(38),
    "flux-dev": flux1(), "flux-schnell": flux1(guidance=False), "flux-fill": flux1(inputs=384),
    "flux-control": flux1(inputs=128), "flux-lite": flux1(double=8), "flux-mini": flux1(5, 10),
    "flux-pruned": flux1(12, 38),
    "flux2-dev": flux2(6144, 8, 48, 15360, True), "flux2-klein-4b": flux2(3072, 5, 20, 7680, False),
    "flux2-klein-9b": flux2(4096, 8, 24, 12288, False), "chroma": chroma(), "chroma-radiance": chroma(radiance=True),
    "lumina2": lumina(2304, 768, 26, 2304, 1024, 9216), "z-image": zimage(), "qwen-image": qwen(),
    "qwen-image-edit": qwen() | {"__index_timestep_zero__": ()},
    "qwen-image-layered": qwen() | {"time_text_embed.addition_t_embedding.weight": (2, 3072)},
    "anima": cosmos(adapter=True), "cosmos-predict2": cosmos(adapter=False),
    "wan": wan(5120, 13824, 40, 16), "wan22-5b": wan(3072, 14336, 30, 48, 192),
    "wan21-i2v": wan(5120, 13824, 40, 36, pictured=True), "wan22-i2v": wan(5120, 13824, 40, 36),
    "wan-else": wan(5120, 13824, 40, 16) | {"vace_patch_embedding.weight": (5120, 96, 1, 2, 2)},
    "hunyuan-video": hunyuan(),
    "hunyuan-video-1.5": hunyuan_video_15(), "hunyuan-image": hunyuan_image(), "krea2": krea2(),
    "ernie-image": ernie_image(), "hidream": hidream(), "pixart": pixart(), "auraflow": auraflow(), "cascade": cascade(), "ltx": ltx(), "pid": pid(),
}  # fmt: skip
# The same in diffusers' naming, where it has another.
IN_DIFFUSERS = {
    "sd1": unet_in_diffusers(loras.unet()), "sd1-inpainting": unet_in_diffusers(loras.unet(), 9),
    "sdxl": unet_in_diffusers(loras.sdxl_unet(), extra=added(2816)),
    "sdxl-inpainting": unet_in_diffusers(loras.sdxl_unet(), 9, added(2816)),
    "sd3-medium": in_diffusers(loras.sd3()), "flux-dev": in_diffusers(loras.flux()),
    "flux-schnell": in_diffusers(loras.flux(guidance=False)), "flux-fill": in_diffusers(loras.flux() | {"x_embedder": (3072, 384)}),
    "flux-lite": in_diffusers(loras.flux(double=8)),
    "wan": wan_in_diffusers(), "z-image": zimage_in_diffusers(),
}  # fmt: skip
VAE = {
    "first_stage_model.decoder.conv_in.weight": (512, 4, 3, 3),
    "first_stage_model.encoder.conv_in.weight": (128, 3, 3, 3),
}
TEXTS = {
    "conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight": (49408, 768),
    "text_encoders.t5xxl.transformer.encoder.block.0.layer.0.SelfAttention.q.weight": (4096, 4096),
    "cond_stage_model.transformer.text_model.final_layer_norm.weight": (768,),
}


def listed(shapes):
    """Shapes as a header has them."""
    return {key: list(shape) for key, shape in shapes.items()}
