"""Headers of checkpoints as they are published: names and shapes of the network's tensors by architecture.

The layouts of UNets, SD3 and FLUX are ``tests.live.layouts``'; the others hold what stands in every block once and are
repeated. Sizes: diffusers' and ComfyUI's models made without weights ("meta" device), compared name by name.
"""

import math
import re

from tests import loras
from tests.live.layouts import conv, embedder, flux, join, linear, mmdit, norm, residual, transformer, under, unet

NETWORK = "model.diffusion_model."
XL = {"context": 2048, "linear_projection": True, "adm": 2816}


def times(count, place, block):
    """A block's tensors, ``count`` times."""
    return join(*(under(f"{place}.{i}.", block) for i in range(count)))


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
EDM = {"edm_mean": (1, 4, 1, 1), "edm_std": (1, 4, 1, 1)}

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


# Others: what is needed to know them, with all their blocks.


def attention(width, names, context=None, bias=True):
    return join(*(linear(name, context or width, width, bias) for name in names))


def lumina(width, key_width, layers, captions, time, feed):
    block = join(
        linear("attention.qkv", width, width + 2 * key_width, bias=False), linear("attention.out", width, width, bias=False),
        linear("feed_forward.w1", width, feed, bias=False), linear("feed_forward.w2", feed, width, bias=False),
        linear("feed_forward.w3", width, feed, bias=False), {"attention_norm1.weight": (width,), "attention.k_norm.weight": (96,)},
    )  # fmt: skip
    modulated = block | linear("adaLN_modulation.1", time, 4 * width)
    keys = join(
        linear("x_embedder", 64, width),
        embedder("t_embedder.mlp", (0, 2), 256, 1024),
        {"cap_embedder.0.weight": (captions,)},
    )
    keys |= linear("cap_embedder.1", captions, width) | linear("final_layer.linear", width, 64)
    return (
        keys
        | times(layers, "layers", modulated)
        | times(2, "noise_refiner", modulated)
        | times(2, "context_refiner", block)
    )


def zimage():
    return lumina(3840, 3840, 30, 2560, 256, 10240) | {"x_pad_token": (1, 3840), "cap_pad_token": (1, 3840)}


def zimage_in_diffusers():
    block = attention(3840, [f"attention.to_{part}" for part in ("q", "k", "v", "out.0")])
    keys = linear("all_x_embedder.2-1", 64, 3840) | linear("all_final_layer.2-1.linear", 3840, 64)
    keys |= {"cap_embedder.0.weight": (2560,)} | linear("cap_embedder.1", 2560, 3840)
    return keys | times(30, "layers", block) | times(2, "noise_refiner", block) | times(2, "context_refiner", block)


def qwen(inputs=64):
    names = [
        f"attn.{name}"
        for name in ("to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out")
    ]
    block = attention(3072, names) | join(linear("img_mod.1", 3072, 18432), linear("txt_mod.1", 3072, 18432))
    for side in ("img", "txt"):
        block |= join(linear(f"{side}_mlp.net.0.proj", 3072, 12288), linear(f"{side}_mlp.net.2", 12288, 3072))
    keys = join(linear("img_in", inputs, 3072), linear("txt_in", 3584, 3072), {"txt_norm.weight": (3584,)})
    return (
        keys
        | linear("proj_out", 3072, 64)
        | linear("norm_out.linear", 3072, 6144)
        | times(60, "transformer_blocks", block)
    )


def cosmos(adapter):
    block = join(
        attention(2048, [f"self_attn.{part}_proj" for part in ("q", "k", "v", "output")]),
        attention(2048, ["cross_attn.q_proj", "cross_attn.output_proj"]),
        attention(2048, ["cross_attn.k_proj", "cross_attn.v_proj"], 1024),
        linear("mlp.layer1", 2048, 8192, bias=False), linear("mlp.layer2", 8192, 2048, bias=False),
        *(linear(f"adaln_modulation_{name}.1", 2048, 256, bias=False) for name in ("self_attn", "cross_attn", "mlp")),
    )  # fmt: skip
    keys = linear("x_embedder.proj.1", 68, 2048, bias=False) | linear("t_embedder.1.linear_1", 2048, 2048, bias=False)
    keys |= linear("final_layer.linear", 2048, 64, bias=False) | times(28, "blocks", block)
    return keys | (times(6, "llm_adapter.blocks", attention(1024, ["cross_attn.q_proj"])) if adapter else {})


def wan(width, feed, layers, inputs, outer=64, pictured=False):
    names = [f"{kind}_attn.{part}" for kind in ("self", "cross") for part in "qkvo"]
    block = attention(width, names + ["cross_attn.k_img", "cross_attn.v_img"] * pictured)
    block |= join(linear("ffn.0", width, feed), linear("ffn.2", feed, width), {"modulation": (1, 6, width)})
    keys = {"patch_embedding.weight": (width, inputs, 1, 2, 2), "patch_embedding.bias": (width,)}
    keys |= join(linear("text_embedding.0", 4096, width), linear("time_projection.1", width, 6 * width))
    keys |= {"head.modulation": (1, 2, width)} | linear("head.head", width, outer)
    return keys | times(layers, "blocks", block) | (linear("img_emb.proj.1", 1280, 1280) if pictured else {})


def wan_in_diffusers():
    block = attention(5120, [f"attn{i}.to_{part}" for i in (1, 2) for part in ("q", "k", "v", "out.0")])
    keys = {"patch_embedding.weight": (5120, 16, 1, 2, 2)} | linear("condition_embedder.time_proj", 5120, 30720)
    return keys | times(40, "blocks", block) | linear("proj_out", 5120, 64)


def hunyuan():
    keys = {key: shape for key, shape in flux(20, 40).items() if not key.startswith(("img_in", "txt_in"))}
    keys |= {"img_in.proj.weight": (3072, 16, 1, 2, 2)} | linear("txt_in.input_embedder", 4096, 3072)
    return keys | times(
        2, "txt_in.individual_token_refiner.blocks", norm("norm1", 3072) | linear("self_attn.qkv", 3072, 9216)
    )


def hidream():
    image, prompt = ([f"block.attn1.to_{part}{end}" for part in ("q", "k", "v", "out")] for end in ("", "_t"))
    keys = linear("x_embedder.proj", 64, 2560) | times(
        49, "caption_projection", linear("linear", 4096, 2560, bias=False)
    )
    keys |= times(16, "double_stream_blocks", attention(2560, image + prompt))
    return keys | times(32, "single_stream_blocks", attention(2560, image))


def pixart():
    block = join(
        linear("attn.qkv", 1152, 3456),
        linear("cross_attn.q_linear", 1152, 1152),
        linear("cross_attn.kv_linear", 1152, 2304),
    )
    keys = (
        conv("x_embedder.proj", 4, 1152, 2)
        | linear("t_block.1", 1152, 6912)
        | linear("y_embedder.y_proj.fc1", 4096, 1152)
    )
    return keys | times(28, "blocks", block)


def auraflow():
    double = attention(3072, [f"attn.w{i}{part}" for i in (1, 2) for part in "qkvo"], bias=False)
    keys = linear("cond_seq_linear", 2048, 3072, bias=False) | {"positional_encoding": (1, 9216, 3072)}
    single = attention(3072, [f"attn.w1{part}" for part in "qkvo"], bias=False)
    return keys | times(4, "double_layers", double) | times(32, "single_layers", single)


def cascade():
    keys = join(linear("clip_txt_mapper", 1280, 2048), linear("clip_img_mapper", 768, 8192), conv("clf.1", 2048, 16, 1))
    return keys | linear("down_blocks.0.2.attention.attn.to_q", 2048, 2048)


def ltx():
    block = attention(2048, [f"attn{i}.to_{part}" for i in (1, 2) for part in ("q", "k", "v", "out.0")])
    keys = (
        linear("patchify_proj", 128, 2048)
        | linear("adaln_single.linear", 2048, 12288)
        | {"scale_shift_table": (2, 2048)}
    )
    return keys | linear("caption_projection.linear_1", 4096, 2048) | times(28, "transformer_blocks", block)


# By the id of the architecture: the network, as published without a prefix.
LAYOUTS = {
    "sd1": sd1(), "sd1-inpainting": sd1(9), "sd1-pix2pix": sd1(8), "sd2": sd2(), "sd2-inpainting": sd2(9),
    "sd2-depth": sd2(5), "sdxl": sdxl(), "sdxl-inpainting": sdxl(9), "sdxl-pix2pix": sdxl(8), "mugen": sdxl(32, 32),
    "sdxl-refiner": refiner(), "kolors": KOLORS,
    "ssd-1b": pruned([0, 0, 2, 2, 4, 4], [4, 4, 10, 2, 1, 1, 0, 0, 0]),
    "segmind-vega": pruned([0, 0, 1, 1, 2, 2], [2, 2, 2, 1, 1, 1, 0, 0, 0]),
    "koala-700m": koala(5, 0), "koala-1b": koala(6, 6),
    "sd3-medium": mmdit(24, 2048, 192), "sd35-medium": sd35(24, 13, 384), "sd35-large": sd35(38),
    "flux-dev": flux1(), "flux-schnell": flux1(guidance=False), "flux-fill": flux1(inputs=384),
    "flux-control": flux1(inputs=128), "flux-lite": flux1(double=8), "flux-mini": flux1(5, 10),
    "flux-pruned": flux1(12, 38),
    "flux2-dev": flux2(6144, 8, 48, 15360, True), "flux2-klein-4b": flux2(3072, 5, 20, 7680, False),
    "flux2-klein-9b": flux2(4096, 8, 24, 12288, False), "chroma": chroma(), "chroma-radiance": chroma(radiance=True),
    "lumina2": lumina(2304, 768, 26, 2304, 1024, 9216), "z-image": zimage(), "qwen-image": qwen(),
    "anima": cosmos(adapter=True), "cosmos-predict2": cosmos(adapter=False),
    "wan": wan(5120, 13824, 40, 16), "wan22-5b": wan(3072, 14336, 30, 48, 192), "hunyuan-video": hunyuan(),
    "hidream": hidream(), "pixart": pixart(), "auraflow": auraflow(), "cascade": cascade(), "ltx": ltx(),
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


# Copies with weights of few bits.


def nf4(shapes):
    """bitsandbytes': every matrix a column of bytes, two values in each, with its scales beside it."""
    packed = {}
    for key, shape in shapes.items():
        if key.endswith(".weight") and len(shape) == 2:
            count = shape[0] * shape[1]
            packed |= {key: (count // 2, 1), f"{key}.absmax": (count // 64,), f"{key}.quant_map": (16,)}
            packed[f"{key}.quant_state.bitsandbytes__nf4"] = (90,)
        else:
            packed[key] = shape
    return packed


def fp8(shapes):
    """Scaled fp8: the same shapes, and scales."""
    matrices = [
        key.removesuffix(".weight") for key, shape in shapes.items() if key.endswith(".weight") and len(shape) == 2
    ]
    return {
        **shapes,
        "scaled_fp8": (2,),
        **{f"{name}.{scale}": () for name in matrices for scale in ("scale_weight", "input_scale")},
    }


def nvfp4(shapes):
    packed = dict(shapes)
    for key, shape in shapes.items():
        if "blocks" in key and key.endswith(".weight") and len(shape) == 2:
            packed |= {key: (shape[0], shape[1] // 2), f"{key}_scale": (shape[0], shape[1] // 16), f"{key}_scale_2": ()}
    return packed


def in_256(shapes):
    """ComfyUI-GGUF's: of a UNet what is not a multiple of 256 wide becomes so."""

    def stored(shape):
        count = math.prod(shape)
        return (count // 256, 256) if len(shape) > 1 and shape[-1] % 256 and count % 256 == 0 else shape

    return {key: stored(shape) for key, shape in shapes.items()}


def nunchaku_flux():
    """SVDQuant of FLUX.1-dev (github.com/nunchaku-tech/nunchaku): diffusers' blocks, fused, each weight in parts."""

    def packed(name, inner, outer):
        return {
            f"{name}.qweight": (outer, inner // 2), f"{name}.wscales": (inner // 64, outer), f"{name}.bias": (outer,),
            f"{name}.lora_down": (inner, 32), f"{name}.lora_up": (outer, 32), f"{name}.smooth": (inner,),
        }  # fmt: skip

    w = 3072
    double = join(*(packed(name, w, 3 * w) for name in ("qkv_proj", "qkv_proj_context")))
    double |= join(*(packed(name, w, w) for name in ("out_proj", "out_proj_context")))
    for side in ("mlp", "mlp_context"):
        double |= join(packed(f"{side}_fc1", w, 4 * w), packed(f"{side}_fc2", 4 * w, w))
    double |= join(packed("norm1.linear", w, 6 * w), packed("norm1_context.linear", w, 6 * w))
    single = join(packed("qkv_proj", w, 3 * w), packed("out_proj", w, w), packed("mlp_fc1", w, 4 * w))
    single |= join(packed("mlp_fc2", 4 * w, w), packed("norm.linear", w, 3 * w))
    keys = times(19, "transformer_blocks", double) | times(38, "single_transformer_blocks", single)
    ends = {name: shape for name, shape in loras.flux().items() if "blocks" not in name}
    return keys | {f"{name}.weight": shape for name, shape in ends.items()}
