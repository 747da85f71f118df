"""The kinds of networks: what marks each in a header, what it predicts, and whose few-step LoRAs are made for it.

Which names and sizes mark which: ComfyUI's ``model_detection.py`` and ``supported_models.py``, Forge's and Forge Neo's
huggingface_guess, diffusers' ``single_file_utils.py`` and its models' configurations; for pruned FLUX the cards of
Freepik/flux.1-lite-8B, ostris/Flex.1-alpha and TencentARC/flux-mini.
"""

from collections.abc import Mapping
from typing import NamedTuple

from .wording import OR, Sentence, fill, join

__all__ = ["ARCHITECTURES", "LOOKALIKES", "UNKNOWN", "Architecture"]


class Architecture(NamedTuple):
    """A kind of network.

    ``name`` is what sentences call it. ``family`` is whose few-step LoRAs are made for it, of ``catalog.FAMILIES``, or
    the look-alike (``LOOKALIKES``) that says why none is; None only if unknown. ``prediction`` is what the
    network predicts by construction: "epsilon", "v_prediction", "edm" or "flow"; None where nothing
    tells. ``guidance`` is the distilled guidance that its makers recommend, where that is not the family's.
    ``evidence`` is what it is recognised by: "header", "metadata" or "file name".

    The rest are its marks. ``has``, ``lacks``: beginnings of its layers' names (``naming.unified``; "a|b" is either).
    ``sizes``: the allowed values of a ``Network``'s sizes. ``keys``: tensors beside the network. ``variant_of``: the
    architecture of which this one is a variant of the same layers, marked only by ``words`` (a regular expression) in
    the metadata's titles or the file's name.
    """

    id: str
    name: str
    family: str | None
    prediction: str | None = "flow"
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    sizes: Mapping[str, object] = {}
    keys: tuple[str, ...] = ()
    variant_of: tuple[str, ...] = ()
    words: str = ""
    guidance: float | None = None
    evidence: str = "header"


# What sentences call several of them.
INPAINTING, INSTRUCTED = "{model} for inpainting", "{model} for instructions (InstructPix2Pix)"
V_PREDICTION, HIGH_NOISE, LOW_NOISE = "{model} with v-prediction", "{model}, high noise", "{model}, low noise"
PRUNED_SD1 = fill("a pruned SD1.x (BK-SDM or the like)")
SDXL_FLOW, SDXL_REFINER = fill("an SDXL retrained to rectified flow"), fill("SDXL's refiner")
OTHER_WAN = fill("a Wan for another task (VACE, Animate, S2V or the like)")
UNKNOWN = Architecture("unknown", fill("an unknown kind of checkpoint"), None, None, evidence="")

SD3 = {"width": 1536, "double": 24}
SD3_HAS = ("joint_blocks_|pos_embed_proj\n",)
FLUX = {
    "width": 3072, "prompt": (4096, None), "pooled": (768, None), "feed": (12288, None), "double": 19, "single": 38,
}  # fmt: skip
# Chroma's, FLUX.2's, HunyuanVideo's, and those of Ovis-Image.
NOT_FLUX = ("distilled_guidance_layer_", "double_stream_modulation_", "context_embedder_token_refiner_",
            "txt_in_individual_token_refiner_", "txt_norm", "transformer_blocks_0_img_mlp_gate_proj")  # fmt: skip
COSMOS = "blocks_0_mlp_layer1|blocks_1_mlp_layer1"
GUIDED = ("time_text_embed_guidance_embedder_",)
XL = {"context": 2048, "pooled": (2816, None)}
SDXL = {**XL, "down": "2,2 10,10", "outputs": (4, None)}
SD1 = {"context": 768, "down": "1,1 1,1 1,1", "up": ("1,1,1 1,1,1 1,1,1", "")}
SD2 = {"context": 1024, "down": "1,1 1,1 1,1", "width": (320, None)}
QWEN = ("txt_norm", "transformer_blocks_0_img_mod_", "transformer_blocks_0_txt_mod_")
FLUX2 = ("double_stream_modulation_img_",)
WAN = ("head_modulation|condition_embedder_time_proj", "blocks_0_self_attn_q|blocks_0_attn1_to_q")
PICTURED = ("img_emb_|condition_embedder_image_embedder_",)
# Wans for another task: VACE, Animate, S2V, HuMo and those that follow a camera.
WAN_ELSE = ("vace_|face_adapter_|audio_proj_|casual_audio_encoder_|control_adapter_|ref_conv",)
HIGH, LOW = (rf"\b{noise} ?noise\b|\bwan ?2 ?2\b.*\b{noise}\b" for noise in ("high", "low"))
BASE = r"\b(?:base|undistilled|un distilled)\b"
V = r"\bv ?(?:pred(?:iction)?|parameteri[sz]ation)\b"

# The first whose marks all are there; variants that only words tell follow what they are variants of.
ARCHITECTURES = (
    Architecture("sd1", "SD1.x", "sd15", "epsilon", sizes={**SD1, "inputs": (4, None)}),
    Architecture("sd1-inpainting", fill(INPAINTING, model="SD1.x"), "sd15", "epsilon", sizes={**SD1, "inputs": 9}),
    Architecture("sd1-pix2pix", fill(INSTRUCTED, model="SD1.x"), "sd15", "epsilon",
                 sizes={**SD1, "inputs": 8}),
    Architecture("sd1-v", fill(V_PREDICTION, model="SD1.x"), "sd15", "v_prediction", variant_of=("sd1",), words=V),
    Architecture("sd1-pruned", PRUNED_SD1, "sd1-pruned", "epsilon",
                 sizes={"context": 768, "down": "1 1 1"}),
    Architecture("sd2", "SD 2", "sd2", None, sizes={**SD2, "inputs": (4, None)}),
    Architecture("sd2-v", fill(V_PREDICTION, model="SD 2"), "sd2", "v_prediction", variant_of=("sd2",),
                 words=rf"\b768\b|{V}"),
    Architecture("sd2-base", "SD 2 base", "sd2", "epsilon", variant_of=("sd2",), words=r"\b512\b|\bbase\b|\bepsilon\b"),
    Architecture("sd2-inpainting", fill(INPAINTING, model="SD 2"), "sd2", "epsilon", sizes={**SD2, "inputs": 9}),
    Architecture("sd2-depth", fill("{model} with depth", model="SD 2"), "sd2", "epsilon", sizes={**SD2, "inputs": 5}),
    Architecture("playground-2.5", "Playground 2.5", "playground", "edm", sizes=SDXL, keys=("edm_mean", "edm_std")),
    Architecture("sdxl-v-zero-snr", fill("{model} with v-prediction and zero terminal SNR", model="SDXL"), "sdxl",
                 "v_prediction", sizes={**SDXL, "inputs": (4, None)}, keys=("v_pred", "ztsnr")),
    Architecture("sdxl-v", fill(V_PREDICTION, model="SDXL"), "sdxl", "v_prediction",
                 sizes={**SDXL, "inputs": (4, None)}, keys=("v_pred|edm_vpred.sigma_max",)),
    Architecture("sdxl", "SDXL", "sdxl", "epsilon", lacks=("encoder_hid_proj",), sizes={**SDXL, "inputs": (4, None)}),
    Architecture("sdxl", "SDXL", "sdxl", "epsilon", sizes={"context": 2048, "middle": "10", "width": (32, 64, None)}),
    Architecture("sdxl-inpainting", fill(INPAINTING, model="SDXL"), "sdxl", "epsilon", sizes={**SDXL, "inputs": 9}),
    Architecture("sdxl-pix2pix", fill(INSTRUCTED, model="SDXL"), "sdxl", "epsilon",
                 sizes={**SDXL, "inputs": 8}),
    Architecture("playground-2.5", "Playground 2.5", "playground", "edm", variant_of=("sdxl",),
                 words=r"\bplayground v? ?2 ?5\b"),
    Architecture("sdxl-flow", SDXL_FLOW, "sdxl-flow", variant_of=("sdxl",),
                 words=r"\brectified\b|\brf\b|\bflow matching\b|\bprediction flow\b"),
    Architecture("sdxl-v", fill(V_PREDICTION, model="SDXL"), "sdxl", "v_prediction", variant_of=("sdxl",), words=V),
    Architecture("mugen", "Mugen", "mugen", sizes={**SDXL, "inputs": 32, "outputs": (32, None)}),
    Architecture("kolors", "Kolors", "kolors", "epsilon",
                 sizes={"context": 2048, "pooled": 5632, "down": "2,2 10,10"}),
    Architecture("kolors", "Kolors", "kolors", "epsilon", has=("encoder_hid_proj",),
                 sizes={"context": 2048, "down": "2,2 10,10"}),
    Architecture("ssd-1b", "SSD-1B", "sdxl-pruned", "epsilon",
                 sizes={**XL, "down": "2,2 4,4", "middle": "", "up": "4,4,10 2,1,1"}),
    Architecture("segmind-vega", "Segmind-Vega", "sdxl-pruned", "epsilon",
                 sizes={**XL, "down": "1,1 2,2", "middle": "", "up": "2,2,2 1,1,1"}),
    Architecture("koala-700m", "KOALA-700M", "sdxl-pruned", "epsilon",
                 sizes={**XL, "down": "2 5", "middle": "", "up": "5,5 2,2"}),
    Architecture("koala-1b", "KOALA-1B", "sdxl-pruned", "epsilon",
                 sizes={**XL, "down": "2 6", "middle": "6", "up": "6,6 2,2"}),
    Architecture("sdxl-pruned", fill("a pruned {model}", model="SDXL"), "sdxl-pruned", "epsilon",
                 sizes={"context": 2048, "deepest": range(1, 10)}),
    Architecture("sdxl-refiner", SDXL_REFINER, "sdxl-refiner", "epsilon",
                 sizes={"context": 1280, "deepest": range(1, 5)}),
    Architecture("sd3-medium", "SD3 medium", "sd3", has=SD3_HAS, sizes={**SD3, "dual": 0}),
    Architecture("sd35-medium", "SD3.5 medium", "sd3", has=SD3_HAS, sizes={**SD3, "dual": range(1, 25)}),
    Architecture("sd35-large", "SD3.5 large", "sd35-large", has=SD3_HAS, sizes={"width": 2432, "double": 38}),
    Architecture("sd35-large-turbo", "SD3.5 large Turbo", "sd35-large", variant_of=("sd35-large",), words=r"\bturbo\b"),
    # Their guidance: the examples of diffusers' FluxPipeline and of the model cards.
    Architecture("flux-fill", "FLUX.1-Fill", "flux", has=GUIDED, lacks=NOT_FLUX,
                 sizes={**FLUX, "inputs": 384}, guidance=30),
    Architecture("flux-control", join(["FLUX.1-Canny", "FLUX.1-Depth"], OR), "flux", has=GUIDED, lacks=NOT_FLUX,
                 sizes={**FLUX, "inputs": 128}, guidance=10),
    Architecture("flux-canny", "FLUX.1-Canny", "flux", variant_of=("flux-control",), words=r"\bcanny\b", guidance=10),
    Architecture("flux-depth", "FLUX.1-Depth", "flux", variant_of=("flux-control",), words=r"\bdepth\b", guidance=10),
    Architecture("flux-dev", "FLUX.1-dev", "flux", has=GUIDED, lacks=NOT_FLUX,
                 sizes={**FLUX, "inputs": (64, None)}),
    Architecture("flux-kontext", "FLUX.1-Kontext", "flux", variant_of=("flux-dev",), words=r"\bkontext\b",
                 guidance=2.5),
    Architecture("flux-krea", "FLUX.1-Krea", "flux", variant_of=("flux-dev",), words=r"\bkrea\b", guidance=4.5),
    Architecture("flux-schnell", "FLUX.1-schnell", "flux-schnell", lacks=NOT_FLUX + GUIDED,
                 sizes={**FLUX, "inputs": (64, None)}),
    Architecture("flux-schnell-dedistilled", fill("{model} with its distillation trained away", model="FLUX.1-schnell"),
                 "flux-schnell", variant_of=("flux-schnell",),
                 words=r"\bopen ?flux\b|\blibre ?flux\b|\b(?:de|un) ?distill"),
    Architecture("flux-lite", join(["FLUX.1-lite", "Flex.1"], OR), "flux-pruned", lacks=NOT_FLUX,
                 sizes={**FLUX, "double": 8}),
    Architecture("flex", "Flex.1", "flux-pruned", variant_of=("flux-lite",), words=r"\bflex\b"),
    Architecture("flux-mini", "FLUX-Mini", "flux-pruned", lacks=NOT_FLUX,
                 sizes={**FLUX, "double": 5, "single": 10}),
    Architecture("flux-pruned", fill("a pruned {model}", model="FLUX.1"), "flux-pruned", lacks=NOT_FLUX,
                 sizes={**FLUX, "double": range(2, 19), "single": range(2, 39)}),
    Architecture("flux-pruned", fill("a pruned {model}", model="FLUX.1"), "flux-pruned", lacks=NOT_FLUX,
                 sizes={**FLUX, "single": range(2, 38)}),
    Architecture("flux2-dev", "FLUX.2-dev", "flux2", has=FLUX2,
                 sizes={"width": (6144, None), "double": 8, "single": 48}),
    Architecture("flux2-klein-4b", "FLUX.2-klein 4B", "flux2", has=FLUX2,
                 sizes={"width": (3072, None), "double": 5, "single": 20}),
    Architecture("flux2-klein-9b", "FLUX.2-klein 9B", "flux2", has=FLUX2,
                 sizes={"width": (4096, None), "double": 8, "single": 24}),
    Architecture("flux2-klein-base-4b", "FLUX.2-klein-base 4B", "flux2", variant_of=("flux2-klein-4b",), words=BASE),
    Architecture("flux2-klein-base-9b", "FLUX.2-klein-base 9B", "flux2", variant_of=("flux2-klein-9b",), words=BASE),
    Architecture("chroma-radiance", "Chroma Radiance", "chroma", has=("distilled_guidance_layer_", "nerf_blocks_"),
                 sizes={"double": 19, "single": 38}),
    Architecture("chroma", "Chroma", "chroma", has=("distilled_guidance_layer_",), lacks=("nerf_",),
                 sizes={"width": 3072, "double": 19, "single": 38}),
    Architecture("chroma-flash", "Chroma-Flash", "chroma", variant_of=("chroma",), words=r"\bflash\b"),
    Architecture("lumina2", "Lumina 2", "lumina2", lacks=("clip_text_pooled_proj", "time_caption_embed_text_"),
                 has=("noise_refiner_", "cap_embedder_1\n|time_caption_embed_caption_embedder_1\n"),
                 sizes={"captions": 2304}),
    Architecture("neta-lumina", "Neta Lumina", "lumina2", variant_of=("lumina2",), words=r"\bneta|\byume"),
    Architecture("z-image", "Z-Image", "z-image", has=("noise_refiner_", "context_refiner_"),
                 sizes={"captions": 3840}),
    Architecture("z-image-turbo", "Z-Image-Turbo", "z-image", variant_of=("z-image",),
                 words=r"(?<!de )\bturbo\b|\bzit\b"),
    Architecture("qwen-image-layered", "Qwen-Image-Layered", "qwen-image", sizes={"captions": 3584},
                 has=(*QWEN, "time_text_embed_addition_t_embedding")),
    Architecture("qwen-image-edit", "Qwen-Image-Edit", "qwen-image", sizes={"captions": 3584},
                 has=(*QWEN, "__index_timestep_zero__")),
    Architecture("qwen-image", "Qwen-Image", "qwen-image", lacks=("transformer_blocks_0_img_mlp_w1",), has=QWEN,
                 sizes={"captions": 3584}),
    Architecture("qwen-image-edit", "Qwen-Image-Edit", "qwen-image", variant_of=("qwen-image",), words=r"\bedit\b"),
    Architecture("anima", "Anima", "anima", has=(COSMOS, "llm_adapter_blocks_")),
    Architecture("anima-turbo", "Anima-Turbo", "anima", variant_of=("anima",), words=r"\bturbo\b"),
    Architecture("cosmos-predict2", "Cosmos-Predict2", "cosmos", lacks=("llm_adapter_",),
                 has=(COSMOS, "blocks_0_adaln_modulation_")),
    Architecture("cosmos-predict2", "Cosmos-Predict2", "cosmos",
                 has=("time_embed_t_embedder_", "transformer_blocks_0_norm1_linear_1", "patch_embed_proj")),
    Architecture("wan-else", OTHER_WAN, "wan-else",
                 has=(*WAN, *WAN_ELSE)),
    Architecture("wan22-5b", "Wan 2.2 5B", "wan", has=WAN, sizes={"inputs": 48, "width": 3072}),
    Architecture("wan21-i2v", "Wan 2.1 I2V", "wan", has=(*WAN, *PICTURED), sizes={"width": (1536, 5120)}),
    Architecture("wan22-i2v", "Wan 2.2 I2V", "wan", has=WAN, sizes={"inputs": 36, "width": 5120}),
    Architecture("wan", join(["Wan 2.1", "2.2 T2V"], OR), "wan", has=WAN,
                 sizes={"inputs": (16, None), "width": (1536, 5120)}),
    Architecture("wan21", "Wan 2.1 T2V", "wan", variant_of=("wan",), words=r"\bwan ?2 ?1\b"),
    Architecture("wan22-high", fill(HIGH_NOISE, model="Wan 2.2 T2V"), "wan", variant_of=("wan",), words=HIGH),
    Architecture("wan22-low", fill(LOW_NOISE, model="Wan 2.2 T2V"), "wan", variant_of=("wan",), words=LOW),
    Architecture("wan22", "Wan 2.2 T2V", "wan", variant_of=("wan",), words=r"\bwan ?2 ?2\b"),
    Architecture("wan22-i2v-high", fill(HIGH_NOISE, model="Wan 2.2 I2V"), "wan", variant_of=("wan22-i2v",), words=HIGH),
    Architecture("wan22-i2v-low", fill(LOW_NOISE, model="Wan 2.2 I2V"), "wan", variant_of=("wan22-i2v",), words=LOW),
    Architecture("hunyuan-video-1.5", "HunyuanVideo 1.5", "hunyuan", has=("cond_type_embed", "double_blocks_0|"
                 "transformer_blocks_0_")),
    Architecture("hunyuan-video", "HunyuanVideo", "hunyuan", lacks=("byt5_in", "context_embedder_2"),
                 has=("txt_in_individual_token_refiner_|context_embedder_token_refiner_",),
                 sizes={"double": 20, "single": 40}),
    Architecture("hunyuan-image", "HunyuanImage 2.1", "hunyuan", has=("byt5_in|context_embedder_2",),
                 sizes={"double": 20, "single": 40}),
    Architecture("hidream", "HiDream-I1", "hidream", has=("caption_projection_", "double_stream_blocks_")),
    Architecture("pixart", "PixArt", "pixart", "epsilon", has=("t_block_1", "blocks_0_cross_attn_kv_linear")),
    Architecture("pixart", "PixArt", "pixart", "epsilon", sizes={"width": 1152},
                 has=("adaln_single_emb_", "pos_embed_proj\n", "caption_projection_linear_1")),
    Architecture("auraflow", "AuraFlow", "auraflow",
                 has=("double_layers_0_attn_w1|joint_transformer_blocks_0_attn_add_",)),
    Architecture("cascade", "Stable Cascade", "cascade", "epsilon",
                 has=("clf_", "clip_txt_mapper|clip_txt_pooled_mapper|clip_mapper")),
    Architecture("ltx", "LTX-Video", "ltx", has=("patchify_proj", "adaln_single_")),
    Architecture("ltx", "LTX-Video", "ltx", has=("proj_in\n", "time_embed_emb_timestep_embedder_",
                                                 "caption_projection_linear_1", "transformer_blocks_0_attn2_")),
    Architecture("krea2", "Krea 2", "krea2", has=("txtfusion_|text_fusion_",)),
    Architecture("krea2-turbo", "Krea 2 Turbo", "krea2", variant_of=("krea2",), words=r"\bturbo\b|\btdm\b"),
    Architecture("krea2-raw", "Krea 2 Raw", "krea2", variant_of=("krea2",), words=rf"\braw\b|{BASE}"),
    Architecture("ernie-image", "ERNIE-Image", "ernie-image",
                 has=("layers_0_mlp_linear_fc2|layers_1_mlp_linear_fc2",
                      "text_proj|x_embedder_|layers_0_self_attention_")),
    Architecture("ernie-image-turbo", "ERNIE-Image-Turbo", "ernie-image", variant_of=("ernie-image",),
                 words=r"\bturbo\b"),
    Architecture("pid", "PiD", "pid", has=("lq_proj_latent_proj_0",)),
)  # fmt: skip

# What nothing in the catalog is for, and why.
PRUNED, OTHER, UNPUBLISHED = (
    "{what}, whose blocks {lora} does not fit", "{what}, which {lora} does not fit",
    "{what}, for which no Hyper-SD was made",
)  # fmt: skip
LOOKALIKES: dict[str, Sentence] = {
    "flux-pruned": fill(PRUNED, what=fill("a pruned FLUX.1 (FLUX.1-lite, Flex.1 or the like)"), lora="Hyper-FLUX"),
    "sdxl-pruned": fill(PRUNED, what=fill("a pruned SDXL (SSD-1B, Segmind-Vega or the like)"), lora="Hyper-SDXL"),
    "sdxl-refiner": fill(OTHER, what=SDXL_REFINER, lora="Hyper-SDXL"),
    "sdxl-flow": fill(OTHER, what=SDXL_FLOW, lora="Hyper-SDXL"),
    "sd1-pruned": fill(PRUNED, what=PRUNED_SD1, lora="Hyper-SD15"),
} | {
    family: fill(UNPUBLISHED, what=name)
    for family, name in {
        "sd2": "SD 2", "playground": "Playground 2.5", "kolors": "Kolors", "mugen": "Mugen", "lumina2": "Lumina 2",
        "cosmos": "Cosmos-Predict2", "hunyuan": fill("a model of the Hunyuan family"), "hidream": "HiDream-I1",
        "pixart": "PixArt", "auraflow": "AuraFlow", "cascade": "Stable Cascade", "ltx": "LTX-Video",
        "wan-else": OTHER_WAN,
    }.items()
}  # fmt: skip
