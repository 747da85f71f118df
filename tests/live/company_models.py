"""Random weights for the networks that other extensions bring along, in the layouts of the published files."""

from tests.live.layouts import Shapes, conv, join, linear, norm

# AnimateDiff's widths for SD1.5, a tenth of the published ones, as AUTOMATIC1111's tiny checkpoints have them.
WIDTHS = (32, 64, 128, 128)
FRAMES = 32  # the most at once


def motion_module() -> Shapes:
    """AnimateDiff v3: transformers over time behind the residual blocks, two on the way down and three on the way up."""
    sides = (("down_blocks", WIDTHS, 2), ("up_blocks", WIDTHS[::-1], 3))
    return join(*(
        over_time(f"{side}.{level}.motion_modules.{i}.temporal_transformer", width)
        for side, widths, count in sides for level, width in enumerate(widths) for i in range(count)
    ))  # fmt: skip


def over_time(name: str, width: int) -> Shapes:
    block = f"{name}.transformer_blocks.0"
    keys = join(
        norm(f"{name}.norm", width), linear(f"{name}.proj_in", width, width), linear(f"{name}.proj_out", width, width)
    )
    for i in range(2):
        attention = f"{block}.attention_blocks.{i}"
        keys |= join(*(linear(f"{attention}.to_{which}", width, width, bias=False) for which in "qkv"))
        keys |= linear(f"{attention}.to_out.0", width, width) | norm(f"{block}.norms.{i}", width)
        keys[f"{attention}.pos_encoder.pe"] = (1, FRAMES, width)
    keys |= linear(f"{block}.ff.net.0.proj", width, 8 * width) | linear(f"{block}.ff.net.2", 4 * width, width)
    return keys | norm(f"{block}.ff_norm", width)


# LayerDiffuse for SD1.5: the width of each transformer whose two attentions it replaces, as small_sd15 has them.
TRANSFORMERS = (320,) * 16
PATCH_RANK = 256


def attention_sharing() -> Shapes:
    """LayerDiffuse's attention for one layer: a LoRA on each projection, and attention over the layers behind it."""
    attentions = [(width, source) for width in TRANSFORMERS for source in (width, 768)]
    return join(*(shared_attention(f"hookers.layers.{i}", *sizes) for i, sizes in enumerate(attentions)))


def shared_attention(name: str, width: int, source: int) -> Shapes:
    keys = norm(f"{name}.temporal_n", width)
    for which, inner in (("q", width), ("k", source), ("v", source), ("out", width)):
        lora = f"{name}.to_{which}_lora.0"
        keys |= linear(f"{lora}.down", inner, PATCH_RANK, bias=False) | linear(
            f"{lora}.up", PATCH_RANK, width, bias=False
        )
    return join(keys, *(linear(f"{name}.temporal_{which}", width, width) for which in "iqkvo"))


def transparent_decoder() -> Shapes:
    """LayerDiffuse's UNet that makes an image with its transparency of an image and its latents."""
    widths = (32, 32, 64, 128, 256, 512, 512)
    last = len(widths) - 1
    keys = join(
        conv("conv_in", 3, widths[0]),
        conv("latent_conv_in", 4, widths[2], 1),
        norm("conv_norm_out", widths[0]),
        conv("conv_out", widths[0], 4),
        *(resnet(f"mid_block.resnets.{i}", widths[-1], widths[-1]) for i in range(2)),
        attention("mid_block.attentions.0", widths[-1]),
    )
    for level, width in enumerate(widths):
        down, up = f"down_blocks.{level}", f"up_blocks.{last - level}"
        narrower, wider = widths[max(level - 1, 0)], widths[min(level + 1, last)]
        keys |= resnet(f"{down}.resnets.0", narrower, width) | resnet(f"{down}.resnets.1", width, width)
        for i, inner in enumerate((wider + width, width + width, width + narrower)):
            keys |= resnet(f"{up}.resnets.{i}", inner, width)
        if level < last:
            keys |= conv(f"{down}.downsamplers.0.conv", width, width)
        if level > 0:
            keys |= conv(f"{up}.upsamplers.0.conv", width, width)
        if level > 3:
            keys |= join(*(attention(f"{down}.attentions.{i}", width) for i in range(2)))
            keys |= join(*(attention(f"{up}.attentions.{i}", width) for i in range(3)))
    return keys


def resnet(name: str, inner: int, width: int) -> Shapes:
    """A residual block as diffusers names it."""
    return join(
        norm(f"{name}.norm1", inner),
        conv(f"{name}.conv1", inner, width),
        norm(f"{name}.norm2", width),
        conv(f"{name}.conv2", width, width),
        conv(f"{name}.conv_shortcut", inner, width, 1) if inner != width else {},
    )


def attention(name: str, width: int) -> Shapes:
    layers = ("to_q", "to_k", "to_v", "to_out.0")
    return join(norm(f"{name}.group_norm", width), *(linear(f"{name}.{layer}", width, width) for layer in layers))
