"""Networks that are no UNet, SD3 or FLUX: the layers by which they are known, with all their blocks."""

from tests.live.layouts import conv, embedder, flux, join, linear, norm, under


def times(count, place, block):
    """A block's tensors, ``count`` times."""
    return join(*(under(f"{place}.{i}.", block) for i in range(count)))


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


def hunyuan(width=3072):
    keys = {key: shape for key, shape in flux(20, 40, width).items() if not key.startswith(("img_in", "txt_in"))}
    keys |= {"img_in.proj.weight": (width, 16, 1, 2, 2)} | linear("txt_in.input_embedder", 4096, width)
    return keys | times(
        2, "txt_in.individual_token_refiner.blocks", norm("norm1", width) | linear("self_attn.qkv", width, 3 * width)
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


def hunyuan_image():
    """HunyuanImage 2.1: flat patches, and a second encoder for the letters in the picture."""
    return hunyuan(3584) | {"img_in.proj.weight": (3584, 64, 1, 1)} | linear("byt5_in.fc1", 1472, 2048)


def hunyuan_video_15():
    keys = {
        key: shape for key, shape in flux(54, 0, 2048).items() if not key.startswith(("img_in", "txt_in", "vector_in"))
    }
    keys |= {"img_in.proj.weight": (2048, 65, 1, 1, 1), "cond_type_embedding.weight": (3, 2048)}
    refiner = norm("norm1", 2048) | linear("self_attn.qkv", 2048, 6144)
    return keys | linear("byt5_in.fc1", 1472, 2048) | times(2, "txt_in.individual_token_refiner.blocks", refiner)


def krea2():
    block = join(linear("attn.wq", 6144, 6144, bias=False), linear("attn.wk", 6144, 1536, bias=False))
    keys = linear("first", 64, 6144) | {"txtfusion.projector.weight": (1, 12)}
    return keys | times(2, "txtfusion.layerwise_blocks", {"prenorm.scale": (2560,)}) | times(28, "blocks", block)


def pid():
    """NVIDIA's PiD: a decoder that diffuses pixels, with a branch for the latents that it decodes."""
    block = join(linear("attn.qkv_x", 1536, 4608, bias=False), linear("attn.qkv_y", 1536, 4608, bias=False))
    keys = conv("lq_proj.latent_proj.0", 16, 512) | linear("pixel_embedder.proj", 3, 16)
    gates = times(7, "lq_proj.gate_modules", linear("content_proj", 3072, 1536) | {"log_alpha": ()})
    return keys | gates | {"y_pos_embedding": (1, 300, 1536)} | times(14, "patch_blocks", block)


def ernie_image():
    block = attention(3072, [f"self_attention.to_{part}" for part in ("q", "k", "v", "out.0")], bias=False)
    block |= join(*(linear(f"mlp.{name}", 3072, 8192, bias=False) for name in ("gate_proj", "up_proj")))
    keys = conv("x_embedder.proj", 128, 3072, 1) | linear("text_proj", 2560, 3072, bias=False)
    return keys | times(36, "layers", block | linear("mlp.linear_fc2", 8192, 3072, bias=False))
