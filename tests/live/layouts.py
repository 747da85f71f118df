"""The tensors that published checkpoints are made of, each part as shapes by key; sizes are arguments.

A host tells a family by these names and shapes, so that random weights in the same layout are loaded like the real
ones. Nothing here needs a host, or torch.
"""

Shapes = dict[str, tuple[int, ...]]


def under(prefix: str, shapes: Shapes) -> Shapes:
    return {prefix + key: shape for key, shape in shapes.items()}


def join(*parts: Shapes) -> Shapes:
    return {key: shape for part in parts for key, shape in part.items()}


def linear(name: str, inner: int, outer: int, bias: bool = True) -> Shapes:
    return {f"{name}.weight": (outer, inner), **({f"{name}.bias": (outer,)} if bias else {})}


def conv(name: str, inner: int, outer: int, size: int = 3) -> Shapes:
    return {f"{name}.weight": (outer, inner, size, size), f"{name}.bias": (outer,)}


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


# UNets: SD 1.x, SD 2, SDXL.


def unet(channels, mult, depths, middle, out_depths, context, linear_projection=False, adm=None, inner=4) -> Shapes:
    """A UNet of two residual blocks per level. ``depths`` and ``out_depths`` count the transformer blocks after each
    residual block on the way down and up, in order; ``middle`` those between, where −1 leaves all of it out but its
    first residual block."""
    emb = 4 * channels
    keys = join(linear("time_embed.0", channels, emb), linear("time_embed.2", emb, emb))
    if adm:
        keys |= join(linear("label_emb.0.0", adm, emb), linear("label_emb.0.2", emb, emb))

    def block(name, width, outer, depth):
        keys.update(residual(f"{name}.0", width, outer, emb))
        if depth:
            keys.update(transformer(f"{name}.1", outer, depth, context, linear_projection))

    keys |= conv("input_blocks.0.0", inner, channels)
    width, skips, index, depths, out_depths = channels, [channels], 1, list(depths), list(out_depths)
    for level, factor in enumerate(mult):
        for _ in range(2):
            block(f"input_blocks.{index}", width, channels * factor, depths.pop(0))
            width, index = channels * factor, index + 1
            skips.append(width)
        if level < len(mult) - 1:
            keys |= conv(f"input_blocks.{index}.0.op", width, width)
            skips.append(width)
            index += 1

    keys |= residual("middle_block.0", width, width, emb)
    if middle >= 0:
        keys |= transformer("middle_block.1", width, middle, context, linear_projection)
        keys |= residual("middle_block.2", width, width, emb)

    index = 0
    for level, factor in reversed(list(enumerate(mult))):
        for number in range(3):
            depth = out_depths.pop(0)
            block(f"output_blocks.{index}", width + skips.pop(), channels * factor, depth)
            width = channels * factor
            if level and number == 2:
                keys |= conv(f"output_blocks.{index}.{2 if depth else 1}.conv", width, width)
            index += 1
    return join(keys, norm("out.0", channels), conv("out.2", channels, 4))


def residual(name: str, inner: int, outer: int, emb: int) -> Shapes:
    return join(
        norm(f"{name}.in_layers.0", inner),
        conv(f"{name}.in_layers.2", inner, outer),
        linear(f"{name}.emb_layers.1", emb, outer),
        norm(f"{name}.out_layers.0", outer),
        conv(f"{name}.out_layers.3", outer, outer),
        conv(f"{name}.skip_connection", inner, outer, 1) if inner != outer else {},
    )


def transformer(name: str, width: int, depth: int, context: int, linear_projection: bool) -> Shapes:
    def projection(which):
        return linear(which, width, width) if linear_projection else conv(which, width, width, 1)

    keys = join(norm(f"{name}.norm", width), projection(f"{name}.proj_in"), projection(f"{name}.proj_out"))
    for i in range(depth):
        block = f"{name}.transformer_blocks.{i}"
        for attention, source in (("attn1", width), ("attn2", context)):
            keys |= join(
                linear(f"{block}.{attention}.to_q", width, width, bias=False),
                linear(f"{block}.{attention}.to_k", source, width, bias=False),
                linear(f"{block}.{attention}.to_v", source, width, bias=False),
                linear(f"{block}.{attention}.to_out.0", width, width),
            )
        keys |= join(linear(f"{block}.ff.net.0.proj", width, 8 * width), linear(f"{block}.ff.net.2", 4 * width, width))
        keys |= join(*(norm(f"{block}.norm{number}", width) for number in (1, 2, 3)))
    return keys


# Transformers: SD3 and FLUX.


def mmdit(depth: int, adm: int, positions: int, blocks: tuple[int, ...] = (), head_norms: bool = False) -> Shapes:
    """SD3's network, whose width follows from its depth; ``positions`` are the places along one edge.

    ``blocks`` are the numbers of those that are there, where not all are. SD3.5 has norms in its heads.
    """
    width = 64 * depth
    keys = {"pos_embed": (1, positions**2, width)}
    keys |= join(
        conv("x_embedder.proj", 16, width, 2),
        embedder("t_embedder.mlp", (0, 2), 256, width),
        embedder("y_embedder.mlp", (0, 2), adm, width),
        linear("context_embedder", 4096, width),
    )
    for i in blocks or range(depth):
        for side in ("context_block", "x_block"):
            block = f"joint_blocks.{i}.{side}"
            last = side == "context_block" and i == depth - 1  # what the last block makes of the prompt is not read
            keys |= join(
                linear(f"{block}.attn.qkv", width, 3 * width),
                linear(f"{block}.adaLN_modulation.1", width, (2 if last else 6) * width),
                {f"{block}.attn.ln_{which}.weight": (64,) for which in "qk"} if head_norms else {},
            )
            if not last:
                keys |= join(
                    linear(f"{block}.attn.proj", width, width),
                    linear(f"{block}.mlp.fc1", width, 4 * width),
                    linear(f"{block}.mlp.fc2", 4 * width, width),
                )
    return join(keys, final_layer(width))


def flux(double: int, single: int, width: int = 3072, patch: int = 64) -> Shapes:
    """FLUX.1-dev's network, the number of its blocks aside; ``patch`` is what it takes of each place in the image."""
    keys = join(linear("img_in", patch, width), linear("txt_in", 4096, width))
    for name, source in (("time_in", 256), ("vector_in", 768), ("guidance_in", 256)):
        keys |= embedder(name, ("in_layer", "out_layer"), source, width)

    def head_norms(name):
        return {f"{name}.{which}_norm.scale": (128,) for which in ("query", "key")}

    for i in range(double):
        for side in ("img", "txt"):
            block = f"double_blocks.{i}.{side}"
            keys |= join(
                linear(f"{block}_mod.lin", width, 6 * width),
                linear(f"{block}_attn.qkv", width, 3 * width),
                linear(f"{block}_attn.proj", width, width),
                head_norms(f"{block}_attn.norm"),
                linear(f"{block}_mlp.0", width, 4 * width),
                linear(f"{block}_mlp.2", 4 * width, width),
            )
    for i in range(single):
        block = f"single_blocks.{i}"
        keys |= join(
            linear(f"{block}.modulation.lin", width, 3 * width),
            linear(f"{block}.linear1", width, 7 * width),
            linear(f"{block}.linear2", 5 * width, width),
            head_norms(f"{block}.norm"),
        )
    return join(keys, final_layer(width))


def embedder(name: str, layers: tuple, inner: int, width: int) -> Shapes:
    return join(linear(f"{name}.{layers[0]}", inner, width), linear(f"{name}.{layers[1]}", width, width))


def final_layer(width: int) -> Shapes:
    return join(linear("final_layer.linear", width, 64), linear("final_layer.adaLN_modulation.1", width, 2 * width))


# Text encoders.


def clip(width: int, layers: int, feed: int, vocabulary: int = 49408, projection: bool = False) -> Shapes:
    """CLIP's text encoder, as transformers names its tensors."""
    keys = {
        "text_model.embeddings.token_embedding.weight": (vocabulary, width),
        "text_model.embeddings.position_embedding.weight": (77, width),
    }
    for i in range(layers):
        layer = f"text_model.encoder.layers.{i}"
        keys |= join(*(linear(f"{layer}.self_attn.{which}_proj", width, width) for which in ("q", "k", "v", "out")))
        keys |= join(linear(f"{layer}.mlp.fc1", width, feed), linear(f"{layer}.mlp.fc2", feed, width))
        keys |= join(norm(f"{layer}.layer_norm1", width), norm(f"{layer}.layer_norm2", width))
    keys |= norm("text_model.final_layer_norm", width)
    return join(keys, linear("text_projection", width, width, bias=False) if projection else {})


def open_clip(width: int, layers: int, vocabulary: int = 49408) -> Shapes:
    """CLIP's text encoder, as open_clip names its tensors (SDXL's second one)."""
    keys = {
        "token_embedding.weight": (vocabulary, width),
        "positional_embedding": (77, width),
        "text_projection": (width, width),
        "logit_scale": (),
    }
    for i in range(layers):
        layer = f"transformer.resblocks.{i}"
        keys |= {f"{layer}.attn.in_proj_weight": (3 * width, width), f"{layer}.attn.in_proj_bias": (3 * width,)}
        keys |= linear(f"{layer}.attn.out_proj", width, width)
        keys |= join(linear(f"{layer}.mlp.c_fc", width, 4 * width), linear(f"{layer}.mlp.c_proj", 4 * width, width))
        keys |= join(norm(f"{layer}.ln_1", width), norm(f"{layer}.ln_2", width))
    return join(keys, norm("ln_final", width))


def t5(layers: int, width: int = 4096, feed: int = 10240, vocabulary: int = 32128) -> Shapes:
    keys = {"shared.weight": (vocabulary, width), "encoder.final_layer_norm.weight": (width,)}
    for i in range(layers):
        attention, dense = f"encoder.block.{i}.layer.0", f"encoder.block.{i}.layer.1"
        for which in ("q", "k", "v", "o"):
            keys |= linear(f"{attention}.SelfAttention.{which}", width, width, bias=False)
        if i == 0:
            keys[f"{attention}.SelfAttention.relative_attention_bias.weight"] = (32, width // 64)
        keys |= join(
            linear(f"{dense}.DenseReluDense.wi_0", width, feed, bias=False),
            linear(f"{dense}.DenseReluDense.wi_1", width, feed, bias=False),
            linear(f"{dense}.DenseReluDense.wo", feed, width, bias=False),
        )
        keys |= {f"{attention}.layer_norm.weight": (width,), f"{dense}.layer_norm.weight": (width,)}
    return keys


# Image decoders.


def vae(channels: int, latent: int, quant: bool = True) -> Shapes:
    """The autoencoder of all families; the newer ones have 16 latent channels and no ``quant`` layers."""
    mult = (1, 2, 4, 4)
    widest = channels * mult[-1]

    def resnet(name, inner, outer):
        return join(
            norm(f"{name}.norm1", inner),
            conv(f"{name}.conv1", inner, outer),
            norm(f"{name}.norm2", outer),
            conv(f"{name}.conv2", outer, outer),
            conv(f"{name}.nin_shortcut", inner, outer, 1) if inner != outer else {},
        )

    def middle(name):
        return join(
            resnet(f"{name}.block_1", widest, widest),
            norm(f"{name}.attn_1.norm", widest),
            *(conv(f"{name}.attn_1.{which}", widest, widest, 1) for which in ("q", "k", "v", "proj_out")),
            resnet(f"{name}.block_2", widest, widest),
        )

    keys = join(conv("encoder.conv_in", 3, channels), middle("encoder.mid"), middle("decoder.mid"))
    width = channels
    for level, factor in enumerate(mult):
        for number in range(2):
            keys |= resnet(f"encoder.down.{level}.block.{number}", width, channels * factor)
            width = channels * factor
        if level < len(mult) - 1:
            keys |= conv(f"encoder.down.{level}.downsample.conv", width, width)
    keys |= join(norm("encoder.norm_out", widest), conv("encoder.conv_out", widest, 2 * latent))
    keys |= conv("decoder.conv_in", latent, widest)
    for level, factor in reversed(list(enumerate(mult))):
        for number in range(3):
            keys |= resnet(f"decoder.up.{level}.block.{number}", width, channels * factor)
            width = channels * factor
        if level:
            keys |= conv(f"decoder.up.{level}.upsample.conv", width, width)
    keys |= join(norm("decoder.norm_out", channels), conv("decoder.conv_out", channels, 3))
    if quant:
        keys |= join(conv("quant_conv", 2 * latent, 2 * latent, 1), conv("post_quant_conv", latent, latent, 1))
    return keys


def preview(latent: int) -> Shapes:
    """The small decoder of live previews (VAE-approx)."""
    widths = (latent, 8, 16, 32, 64, 32, 16, 8, 3)
    sizes = (7, 5, 3, 3, 3, 3, 3, 3)
    return join(*(conv(f"conv{i + 1}", widths[i], widths[i + 1], size) for i, size in enumerate(sizes)))
