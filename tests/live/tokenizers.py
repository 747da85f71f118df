"""Tokenizers, where hosts look them up: in the local cache of the Hugging Face hub."""

import json
from pathlib import Path

from lib_hypersd.playground.layout import write_tokenizer

COMMONEST = 4096  # words of CLIP's, which is all that the wide encoder of the tiny checkpoints knows
CLIP_CONFIG = {
    "model_type": "clip_text_model", "architectures": ["CLIPTextModel"], "max_position_embeddings": 77,
    "hidden_act": "quick_gelu", "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1,
}  # fmt: skip


def write_hub(hub: Path) -> None:
    def snapshot(name):
        entry = hub / f"models--{name.replace('/', '--')}"
        write_text(entry / "refs" / "main", "0")
        return entry / "snapshots" / "0"

    for name, vocabulary, width, layers, heads, feed in (
        ("openai/clip-vit-large-patch14", 49408, 768, 12, 12, 3072),
        ("hypersd/small-clip", 49408, 64, 2, 4, 128),
        ("hypersd/wide-clip", COMMONEST, 1792, 1, 28, 128),
    ):
        folder = snapshot(name)
        write_tokenizer(folder, vocabulary)
        sizes = {"vocab_size": vocabulary, "hidden_size": width, "projection_dim": width, "intermediate_size": feed}
        config = {**CLIP_CONFIG, **sizes, "num_hidden_layers": layers, "num_attention_heads": heads}
        write_json(folder / "config.json", config)
    write_t5_tokenizer(snapshot("google/t5-v1_1-xxl"))


def write_t5_tokenizer(folder: Path) -> None:
    """A tokenizer of letters: A1111 asks for T5's with every SD3, and without T5 itself nothing reads what it says."""
    special = ["<pad>", "</s>", "<unk>"]
    letters = ["▁", *map(chr, range(33, 127))]
    end = {"id": "</s>", "ids": [1], "tokens": ["</s>"]}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [
            {"id": i, "content": word, "special": True}
            | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
            for i, word in enumerate(special)
        ],
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
        "post_processor": {
            "type": "TemplateProcessing", "special_tokens": {"</s>": end},
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        },
        "model": {"type": "Unigram", "unk_id": 2, "vocab": [[word, 0.0] for word in (*special, *letters)]},
    }  # fmt: skip
    write_json(folder / "tokenizer.json", tokenizer)
    names = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, **names})
    write_json(folder / "config.json", {"model_type": "t5"})


def write_json(path: Path, value) -> None:
    write_text(path, json.dumps(value))


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
