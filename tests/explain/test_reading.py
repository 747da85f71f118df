"""The forms in which programs write how an image was made."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lib_hypersd.explain import Unreadable, explain, read_file, read_text
from lib_hypersd.recipes.catalog import published

INFOTEXT = """a lighthouse, Steps: of stone <lora:Hyper-SDXL-8steps-lora:0.8>
on a cliff
Negative prompt: blurred,
dark
Steps: 8, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 2.5, Seed: 5, Size: 832x1216, Model hash: 0123abcd, \
Model: some, Hashes: {"model": "0123abcd", "lora:x": "1"}, TI: "a: b, c: \\"d\\"", Version: v1.10.1"""
RUN = {
    "3": {
        "class_type": "KSampler",
        "inputs": {"seed": 5, "steps": 8, "cfg": 1.5, "sampler_name": "dpmpp_2m", "scheduler": "sgm_uniform", "denoise": 1,
                   "model": ["12", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]},
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl_base_1.0.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 1024, "height": 1024, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lighthouse", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "dark", "clip": ["4", 1]}},
    "12": {"class_type": "LoraLoaderModelOnly",
           "inputs": {"lora_name": "few/Hyper-SDXL-8steps-lora.safetensors", "strength_model": 0.9, "model": ["4", 0]}},
}  # fmt: skip
WORKFLOW = {
    "nodes": [
        {"id": 3, "type": "KSampler", "widgets_values": [5, "fixed", 8, 1.5, "dpmpp_2m", "sgm_uniform", 1],
         "inputs": [{"name": "model", "link": 1}, {"name": "positive", "link": 2}]},
        {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": ["sd_xl_base_1.0.safetensors"]},
        {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["a lighthouse"]},
        {"id": 9, "type": "KSampler", "mode": 4, "widgets_values": [1, "fixed", 30, 7, "euler", "normal", 1]},
        {"id": 12, "type": "LoraLoaderModelOnly", "widgets_values": ["few/Hyper-SDXL-8steps-lora.safetensors", 0.9],
         "inputs": [{"name": "model", "link": 3}]},
    ],
    "links": [[1, 12, 0, 3, 0, "MODEL"], [2, 6, 0, 3, 1, "CONDITIONING"], [3, 4, 0, 12, 0, "MODEL"]],
}  # fmt: skip


def test_an_infotext():
    record = read_text(INFOTEXT)
    assert record.prompt == "a lighthouse, Steps: of stone <lora:Hyper-SDXL-8steps-lora:0.8>\non a cliff"
    assert record.negative == "blurred,\ndark"
    assert (record.steps, record.sampler, record.schedule, record.cfg) == (8, "DPM++ 2M", "Karras", 2.5)
    assert (record.checkpoint, record.width, record.height) == ("some", 832, 1216)


@pytest.mark.parametrize(
    ("line", "sampler", "schedule"),
    [
        ("Sampler: DPM++ 2M Karras", "DPM++ 2M", "Karras"),
        ("Sampler: Euler a", "Euler a", None),
        ("Sampler: TCD, Schedule type: Automatic", "TCD", None),
        ("Sampler: Euler, Schedule type: Automatic", "Euler", "Automatic"),
        ("Size: 64x64", None, None),
    ],
)
def test_samplers_and_schedules_of_a_webui(line, sampler, schedule):
    record = read_text(f"a cat\nSteps: 4, {line}")
    assert (record.sampler, record.schedule) == (sampler, schedule)


def test_loras_that_are_named_beside_the_prompt_only():
    civitai = [
        {"type": "checkpoint", "modelName": "Some XL", "modelVersionName": "v2"},
        {"type": "lora", "weight": 0.6, "modelName": "Hyper SDXL", "modelVersionName": "8 steps"},
    ]
    record = read_text(f'a cat\nSteps: 8, CFG scale: 1, Civitai resources: {json.dumps(civitai)}, Lora hashes: "b: 1"')
    assert record.prompt == "a cat <lora:Hyper SDXL 8 steps:0.6> <lora:b:1>" and record.checkpoint == "Some XL v2"


def test_invokeai():
    record = read_text(json.dumps({
        "generation_mode": "sdxl_txt2img", "positive_prompt": "a cat", "negative_prompt": "dark", "width": 1024,
        "height": 768, "cfg_scale": 7.5, "steps": 8, "scheduler": "dpmpp_2m_k", "model": {"name": "some", "base": "sdxl"},
        "loras": [{"model": {"name": "Hyper-SDXL-8steps-lora", "base": "sdxl"}, "weight": 0.75}],
    }))  # fmt: skip
    assert (record.prompt, record.family) == ("a cat <lora:Hyper-SDXL-8steps-lora:0.75>", "sdxl")
    assert (record.steps, record.cfg, record.sampler, record.schedule) == (8, 7.5, "DPM++ 2M", "Karras")


@pytest.mark.parametrize("graph", [RUN, WORKFLOW], ids=["as it was run", "as it is drawn"])
def test_comfyui(graph):
    record = read_text(json.dumps(graph))
    assert (record.steps, record.cfg, record.sampler, record.schedule) == (8, 1.5, "DPM++ 2M", "SGM Uniform")
    assert record.prompt == "a lighthouse <lora:Hyper-SDXL-8steps-lora:0.9>"
    assert record.checkpoint == "sd_xl_base_1.0.safetensors"


def test_comfyuis_custom_samplers():
    graph = {
        "1": {"class_type": "SamplerCustomAdvanced",
              "inputs": {"noise": ["9", 0], "guider": ["2", 0], "sampler": ["3", 0], "sigmas": ["4", 0]}},
        "2": {"class_type": "BasicGuider", "inputs": {"model": ["6", 0], "conditioning": ["5", 0]}},
        "3": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
        "4": {"class_type": "BasicScheduler", "inputs": {"scheduler": "beta", "steps": 20, "denoise": 1, "model": ["6", 0]}},
        "5": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["7", 0]}},
        "6": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors"}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat"}},
    }  # fmt: skip
    record = read_text(json.dumps(graph))
    assert (record.steps, record.sampler, record.schedule, record.distilled_cfg) == (20, "Euler", "Beta", 3.5)
    assert (record.prompt, record.checkpoint, record.cfg) == ("a cat", "flux1-dev.safetensors", None)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, {}, True, "many"])
def test_what_is_no_number_and_no_name_is_not_said(value):
    names = {"sampler_name": {"of": value}, "scheduler": {"of": value}}
    inputs = {"steps": value, "cfg": value, "width": value, **names}
    for content in ({"1": {"class_type": "KSampler", "inputs": inputs}}, {"positive_prompt": "a cat", **inputs}):
        record = read_text(json.dumps(content))
        assert (record.steps, record.sampler, record.schedule, record.width) == (None, None, None, 0)
        explain(record, published())


def image_with(kind, text):
    file, image = io.BytesIO(), Image.new("RGB", (8, 8))
    if kind == "PNG":
        info = PngInfo()
        info.add_text("parameters", text)
        image.save(file, "PNG", pnginfo=info)
    else:
        exif = Image.Exif()
        exif[0x8769] = {0x9286: b"UNICODE\0" + text.encode("utf-16-be")}
        image.save(file, kind, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_an_images_file(tmp_path, kind):
    file = tmp_path / "image"
    file.write_bytes(image_with(kind, INFOTEXT))
    assert read_file(file) == read_text(INFOTEXT)


def test_a_webp_of_comfyuis(tmp_path):
    exif = Image.Exif()
    exif[0x0110] = "prompt:" + json.dumps(RUN)
    file = tmp_path / "image.webp"
    Image.new("RGB", (8, 8)).save(file, exif=exif)
    assert read_file(file) == read_text(json.dumps(RUN))


def test_a_text_file(tmp_path):
    file = tmp_path / "infotext.txt"
    file.write_text(INFOTEXT)
    assert read_file(file) == read_text(INFOTEXT)


def test_what_holds_nothing_is_a_sentence(tmp_path):
    empty = tmp_path / "empty.png"
    Image.new("RGB", (8, 8)).save(empty)
    with pytest.raises(Unreadable, match="It says nothing of how it was made"):
        read_file(empty)
    cut = tmp_path / "cut.png"
    cut.write_bytes(image_with("PNG", INFOTEXT)[:60])
    with pytest.raises(Unreadable):
        read_file(cut)
    for text in ("", "a cat", "{", "[]", '{"nodes": []}', '{"1": {"class_type": "Note", "inputs": {}}}'):
        with pytest.raises(Unreadable):
            read_text(text)


@given(st.lists(st.sampled_from([*"{}[]\",:<>\n ", "Steps: 4", "Size: 1x", "lora", "Negative prompt:", "Model: x", "Civitai resources: [", "null"])).map("".join))  # fmt: skip
def test_whatever_a_text_holds_it_is_read_or_refused(text):
    for given_text in (text, f"a cat\nSteps: 4, {text}"):
        try:
            record = read_text(given_text)
        except Unreadable:
            continue
        explain(record, published())


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["class_type", "inputs", "nodes", "links", "type", "widgets_values", "id", "steps", "cfg", "model", "loras", "image",
         "positive_prompt", "scheduler", "weight", "1", "lora_name"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["1", "nodes", "links", "positive_prompt", "model", "loras", "image"]), JSON))
def test_whatever_json_holds_it_is_read_or_refused(content):
    try:
        record = read_text(json.dumps(content))
    except Unreadable:
        return
    explain(record, published())
