"""Random checkpoints and LoRAs, small enough that a request takes half a second on a CPU; nothing is downloaded.

    python make_models.py WEBUI_DIR DATA_DIR HUB_DIR

Run with the host's own Python, whose packages define the models. Weights are random but nowhere zero, so that every
layer shows in the image.
"""

import gzip
import json
import os
import sys
import types
from pathlib import Path

webui, data, hub = (Path(a).resolve() for a in sys.argv[1:4])
sys.path[:0] = [str(webui / "repositories" / "stable-diffusion-stability-ai")]
os.environ["HF_HUB_OFFLINE"] = "1"

import open_clip  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from omegaconf import OmegaConf  # noqa: E402
from pytorch_lightning.utilities import rank_zero  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

# The name that ldm imports it from is gone from newer versions of pytorch_lightning.
sys.modules.setdefault(
    "pytorch_lightning.utilities.distributed", types.SimpleNamespace(rank_zero_only=rank_zero.rank_zero_only)
)
from ldm.util import instantiate_from_config  # noqa: E402

CLIP = {
    "model_type": "clip_text_model", "architectures": ["CLIPTextModel"], "vocab_size": 49408, "max_position_embeddings": 77,
    "hidden_act": "quick_gelu", "hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12,
    "num_hidden_layers": 12, "projection_dim": 768, "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1,
}  # fmt: skip
SMALL = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "projection_dim": 64,
}


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def write_tokenizer(folder):
    """CLIP's vocabulary in the form of transformers, from the merges that ship inside open_clip."""
    packed = Path(open_clip.__file__).with_name("bpe_simple_vocab_16e6.txt.gz").read_bytes()
    merges = gzip.decompress(packed).decode("utf-8").split("\n")[1 : 49152 - 256 - 2 + 1]
    letters = list(open_clip.tokenizer.bytes_to_unicode().values())
    special = ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = [*letters, *(v + "</w>" for v in letters), *("".join(m.split()) for m in merges), *special]
    write_json(folder / "vocab.json", {word: i for i, word in enumerate(vocabulary)})
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    names = {"bos_token": special[0], "eos_token": special[1], "pad_token": special[1], "unk_token": special[1]}
    write_json(folder / "special_tokens_map.json", names)
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, **names})


def write_hub():
    """A1111 looks CLIP up in the local hub cache by this name."""
    entry = hub / "models--openai--clip-vit-large-patch14"
    snapshot = entry / "snapshots" / "0"
    write_tokenizer(snapshot)
    write_json(snapshot / "config.json", CLIP)
    (entry / "refs").mkdir(exist_ok=True)
    (entry / "refs" / "main").write_text("0")


def write_checkpoint(folder, name, seed):
    """SD1.5's layout with 17 M weights, and the yaml that describes it."""
    clip = folder / "tiny-clip"
    write_tokenizer(clip)
    write_json(clip / "config.json", {**CLIP, **SMALL})
    config = OmegaConf.load(webui / "configs" / "v1-inference.yaml")
    unet = config.model.params.unet_config.params
    unet.model_channels, unet.context_dim, unet.num_heads = 32, 64, 4
    config.model.params.first_stage_config.params.ddconfig.ch = 32
    config.model.params.cond_stage_config.params = OmegaConf.create({"version": str(clip)})
    text_config = transformers.CLIPTextConfig.from_pretrained(clip)
    transformers.CLIPTextModel.from_pretrained = classmethod(lambda cls, *a, **k: cls(text_config))

    torch.manual_seed(seed)
    model = instantiate_from_config(config.model)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1 and not parameter.any():
                parameter.normal_(0, 0.05)
        # The host divides by the mean of what the text encoder puts out, and a fresh layer norm makes that 0.
        model.cond_stage_model.transformer.text_model.final_layer_norm.bias.normal_(0.1, 0.05)
    weights = {key: value.contiguous().clone() for key, value in model.state_dict().items()}
    save_file(weights, folder / f"{name}.safetensors")
    OmegaConf.save(config, folder / f"{name}.yaml")
    return weights


def write_lora(folder, name, weights, seed):
    """A LoRA of rank 4 on the attention of the network, in the naming of kohya."""
    generator = torch.Generator().manual_seed(seed)
    prefix, suffix = "model.diffusion_model.", ".weight"
    lora = {}
    for key, weight in weights.items():
        if key.startswith(prefix) and key.endswith((".to_q.weight", ".to_k.weight", ".to_v.weight")):
            module = "lora_unet_" + key[len(prefix) : -len(suffix)].replace(".", "_")
            lora[f"{module}.lora_down.weight"] = torch.randn((4, weight.shape[1]), generator=generator) / 4
            lora[f"{module}.lora_up.weight"] = torch.randn((weight.shape[0], 4), generator=generator) / 4
            lora[f"{module}.alpha"] = torch.tensor(4.0)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(lora, folder / f"{name}.safetensors", metadata={"ss_output_name": name})


write_hub()
checkpoints, loras = data / "models" / "Stable-diffusion", data / "models" / "Lora"
checkpoints.mkdir(parents=True, exist_ok=True)
weights = write_checkpoint(checkpoints, "tiny-sd15", 0)
write_checkpoint(checkpoints, "tiny_4SHyper", 1)
for seed, name in enumerate((
    "Hyper-SD15-1step-lora", "Hyper-SD15-2steps-lora", "Hyper-SD15-4steps-lora", "Hyper-SD15-8steps-lora",
    "Hyper-SD15-8steps-CFG-lora", "Hyper-SDXL-4steps-lora", "some-style",
)):  # fmt: skip
    write_lora(loras, name, weights, seed)
# Named as published, and unreadable: a request for it must not run 12 steps without it.
(loras / "Hyper-SD15-12steps-CFG-lora.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0no safetensors here")
