"""What diffusers wants beside the weights of a checkpoint in one file: written from the file's header, not fetched.

SD1.5 and SDXL have one layout each; all sizes in it are in the shapes of the tensors, so that small networks of the
same layout are loaded as well. The tokenizer's words come from the package openai-clip.
"""

import gzip
import importlib.util
import json
from pathlib import Path
from typing import Any

from ..files.header import PREFIX, Header
from .errors import Unloadable

__all__ = ["Shapes", "family_by_parts", "prediction_of", "resolution_of", "write_config", "write_tokenizer"]

IMAGE = "first_stage_model."
# Each text encoder of a family: its folder, the place of its tensors, and of its embeddings below that.
CLIP_L = ("text_encoder", "cond_stage_model.transformer.text_model.")
CLIP_L_XL = ("text_encoder", "conditioner.embedders.0.transformer.text_model.")
OPEN_CLIP_XL = ("text_encoder_2", "conditioner.embedders.1.model.")
# What transformers and open_clip call the parts of a text encoder.
CLIP = {
    "architecture": "CLIPTextModel", "activation": "quick_gelu", "words": "embeddings.token_embedding.weight",
    "positions": "embeddings.position_embedding.weight", "layers": "encoder.layers.", "inner": "mlp.fc1.weight",
}  # fmt: skip
OPEN_CLIP = {
    "architecture": "CLIPTextModelWithProjection", "activation": "gelu", "words": "token_embedding.weight",
    "positions": "positional_embedding", "layers": "transformer.resblocks.", "inner": "mlp.c_fc.weight",
    "projection": "text_projection",
}  # fmt: skip
PIPELINES = {"sd15": "StableDiffusionPipeline", "sdxl": "StableDiffusionXLPipeline"}
RESOLUTION = {"sd15": 512, "sdxl": 1024}
SCALE = {"sd15": 0.18215, "sdxl": 0.13025}
CHANNELS = 320  # of the published networks; a narrower one is a small model, such as the embedded one
SMALL_RESOLUTION = 64
HEADS = 8  # of SD1.5's network at every width, as published
HEAD_WIDTH = 64  # of SDXL's network and of CLIP's text encoders
TEXT_HEADS = 4  # at least; only small models have so few
WORDS = 49408


def family_by_parts(header: Header) -> str | None:
    """SD1.5 alone keeps its text encoder at this place; tells networks of another width, where the header's widths
    (``header.family_of``) do not."""
    return "sd15" if any(key.startswith(CLIP_L[1]) for key in header.tensors) else None


def prediction_of(header: Header) -> str:
    """What the network predicts, as checkpoints say it: by an empty tensor of this name, or in their metadata."""
    declared = header.metadata.get("modelspec.prediction_type", "")
    return "v_prediction" if "v_pred" in header.tensors or declared.startswith("v") else "epsilon"


def resolution_of(header: Header, family: str) -> tuple[int, int]:
    """Width and height in pixels that the checkpoint was trained for: what its metadata say, else its family's."""
    parts = header.metadata.get("modelspec.resolution", "").lower().split("x")
    if len(parts) == 2 and all(part.isdecimal() and 64 <= int(part) <= 2048 for part in parts):
        return int(parts[0]) // 16 * 16, int(parts[1]) // 16 * 16
    small = header.tensors[f"{PREFIX}input_blocks.0.0.weight"]["shape"][0] < CHANNELS
    side = SMALL_RESOLUTION if small else RESOLUTION[family]
    return side, side


def heads_of(header: Header) -> int:
    """In how many heads every attention of SD1.5's network is cut, which no shape tells: the embedded model says it."""
    heads = header.metadata.get("attention_heads", "")
    return int(heads) if heads in ("1", "2", "4", "8") else HEADS


class Shapes(dict[str, list[int]]):
    """The shapes of a checkpoint's tensors by their names."""

    def size(self, key: str, axis: int = 0) -> int:
        if key not in self:
            raise Unloadable(
                f"The checkpoint has no {key}; one with its text encoder and VAE in the same file is needed."
            )
        return self[key][axis]

    def count(self, place: str) -> int:
        """How many numbered layers stand at this place."""
        return len({key.removeprefix(place).split(".")[0] for key in self if key.startswith(place)})


def write_config(folder: Path, header: Header, family: str) -> None:
    """Write the folder of configurations that diffusers' ``from_single_file`` takes as ``config``.

    Raises:
        Unloadable: a part of the checkpoint is missing, or it is none that makes images from noise.
    """
    shapes = Shapes({key: tensor["shape"] for key, tensor in header.tensors.items()})
    channels = shapes.size(f"{PREFIX}input_blocks.0.0.weight", 1)
    if channels != 4:
        raise Unloadable(
            f"The checkpoint takes {channels} channels, as those for inpainting do; one that takes 4 is needed."
        )
    parts: dict[str, Any] = {
        "scheduler": ["diffusers", "DDIMScheduler"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    write(folder / "scheduler" / "scheduler_config.json", {
        "_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
        "num_train_timesteps": 1000, "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1,
        "prediction_type": prediction_of(header),
    })  # fmt: skip
    write(folder / "unet" / "config.json", unet(shapes, family, resolution_of(header, family), heads_of(header)))
    write(folder / "vae" / "config.json", vae(shapes, family))

    for name, place in [CLIP_L] if family == "sd15" else [CLIP_L_XL, OPEN_CLIP_XL]:
        config = clip(shapes, place, OPEN_CLIP if name == "text_encoder_2" else CLIP)
        write(folder / name / "config.json", config)
        parts[name] = ["transformers", config["architectures"][0]]
        tokenizer = name.replace("text_encoder", "tokenizer")
        write_tokenizer(folder / tokenizer, config["vocab_size"], pad="!" if name == "text_encoder_2" else None)
        parts[tokenizer] = ["transformers", "CLIPTokenizer"]
    if family == "sd15":
        parts |= {"safety_checker": [None, None], "feature_extractor": [None, None], "requires_safety_checker": False}
    write(folder / "model_index.json", {"_class_name": PIPELINES[family], **parts})


def unet(shapes: Shapes, family: str, resolution: tuple[int, int], heads: int) -> dict:
    blocks = f"{PREFIX}input_blocks."
    config = {
        "_class_name": "UNet2DConditionModel", "in_channels": 4, "out_channels": 4, "layers_per_block": 2,
        "sample_size": resolution[0] // 8,
    }  # fmt: skip
    if family == "sd15":
        return config | {
            "block_out_channels": [shapes.size(f"{blocks}{i}.0.out_layers.3.weight") for i in (1, 4, 7, 10)],
            "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
            "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
            "cross_attention_dim": shapes.size(f"{blocks}1.1.transformer_blocks.0.attn2.to_k.weight", 1),
            "attention_head_dim": heads,  # which is what diffusers calls their number
        }
    widths = [shapes.size(f"{blocks}{i}.0.out_layers.3.weight") for i in (1, 4, 7)]
    return config | {
        "block_out_channels": widths,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "cross_attention_dim": shapes.size(f"{blocks}4.1.transformer_blocks.0.attn2.to_k.weight", 1),
        "attention_head_dim": [max(width // HEAD_WIDTH, 1) for width in widths],
        # The first level has no transformers, which diffusers counts as one.
        "transformer_layers_per_block": [1, *(shapes.count(f"{blocks}{i}.1.transformer_blocks.") for i in (4, 7))],
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": shapes.size(f"{PREFIX}label_emb.0.0.weight", 1),
    }


def vae(shapes: Shapes, family: str) -> dict:
    levels = range(shapes.count(f"{IMAGE}encoder.down."))
    return {
        "_class_name": "AutoencoderKL", "in_channels": shapes.size(f"{IMAGE}encoder.conv_in.weight", 1),
        "out_channels": 3, "latent_channels": 4,
        "block_out_channels": [shapes.size(f"{IMAGE}encoder.down.{i}.block.0.conv2.weight") for i in levels],
        "layers_per_block": shapes.count(f"{IMAGE}encoder.down.0.block."),
        "down_block_types": ["DownEncoderBlock2D"] * len(levels),
        "up_block_types": ["UpDecoderBlock2D"] * len(levels),
        "sample_size": RESOLUTION[family], "scaling_factor": SCALE[family], "force_upcast": True,
    }  # fmt: skip


def clip(shapes: Shapes, place: str, names: dict[str, str]) -> dict:
    """CLIP's text encoder with its tensors at ``place`` below these names."""
    width = shapes.size(f"{place}{names['words']}", 1)
    return {
        "model_type": "clip_text_model", "architectures": [names["architecture"]], "hidden_act": names["activation"],
        "vocab_size": shapes.size(f"{place}{names['words']}"), "hidden_size": width,
        "max_position_embeddings": shapes.size(f"{place}{names['positions']}"),
        "intermediate_size": shapes.size(f"{place}{names['layers']}0.{names['inner']}"),
        "projection_dim": shapes.size(f"{place}{names['projection']}", 1) if "projection" in names else width,
        "num_hidden_layers": shapes.count(f"{place}{names['layers']}"),
        "num_attention_heads": max(width // HEAD_WIDTH, TEXT_HEADS),
        "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1,
    }  # fmt: skip


def write_tokenizer(folder: Path, words: int, pad: str | None = None) -> None:
    """CLIP's tokenizer, with all its words or the commonest of them; padded with its end mark unless ``pad`` is given.

    Raises:
        Unloadable: the package that has them is not installed.
    """
    package = importlib.util.find_spec("clip")
    folders = package.submodule_search_locations if package else None
    packed = Path(folders[0], "bpe_simple_vocab_16e6.txt.gz") if folders else None
    if packed is None or not packed.is_file():
        raise Unloadable("CLIP's words are missing: install the package openai-clip.")
    letters = [chr(i) for i in (*range(33, 127), *range(161, 173), *range(174, 256))]
    letters += [chr(256 + i) for i in range(256 - len(letters))]  # for the bytes that are no letters
    start, end = "<|startoftext|>", "<|endoftext|>"
    lines = gzip.decompress(packed.read_bytes()).decode("utf-8").split("\n")
    merges = lines[1:][: min(words, WORDS) - 2 * len(letters) - 2]
    vocabulary = [*letters, *(letter + "</w>" for letter in letters), *("".join(m.split()) for m in merges), start, end]
    write(folder / "vocab.json", {word: i for i, word in enumerate(vocabulary)})
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    names = {"bos_token": start, "eos_token": end, "unk_token": end, "pad_token": pad or end}
    write(folder / "tokenizer_config.json", {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, **names})


def write(path: Path, value: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
