"""Random weights for the networks that other extensions bring along, in the layouts of the published files."""

from tests.live.layouts import Shapes, join, linear, norm

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
