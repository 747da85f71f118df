"""Extensions that bring a network of their own beside few steps: every step is made, with the LoRA in it."""

import pytest
import torch

from tests.live import company_models, make_models
from tests.live.common import OWN, trailing
from tests.live.test_company import FOUR, LORA, scripts


@pytest.mark.only("AUTOMATIC1111", why="it has another AnimateDiff, or none")
def test_the_frames_of_a_film(company):
    host = company("sd-webui-animatediff")
    file = host.data / "extensions" / "sd-webui-animatediff" / "model" / "mm_sd15_v3.safetensors"
    make_models.write(file, company_models.motion_module(), torch.float16)
    film = scripts(AnimateDiff={"args": [{"enable": True, "video_length": 8, "batch_size": 8, "format": ["PNG"]}]})
    plain, before = host.txt2img(FOUR, **OWN), len(host.read_log())
    result = host.txt2img(FOUR, **OWN, **film)
    assert result.timesteps == pytest.approx(trailing(4), abs=2e-3) and result.rows == [8] * 4
    assert all(LORA in loras for loras in result.loras) and "not applied" not in result.infotext
    assert len(result.images) >= 8 and "AnimateDiff" in result.infotext
    assert host.txt2img(FOUR, **OWN).pixels == plain.pixels
    assert "Traceback" not in host.read_log()[before:]


@pytest.mark.only("Forge", why="LayerDiffuse is made for Forge alone")
def test_a_transparent_image(company):
    host = company("sd-forge-layerdiffuse")
    for name, shapes in (
        ("layer_sd15_transparent_attn", company_models.attention_sharing()),
        ("layer_sd15_vae_transparent_decoder", company_models.transparent_decoder()),
    ):
        make_models.write(host.data / "models" / "layer_model" / f"{name}.safetensors", shapes, torch.float16)
    method = "(SD1.5) Only Generate Transparent Image (Attention Injection)"
    args = [True, method, 1.0, 1.0, None, None, None, "Crop and Resize", False, "", "", ""]
    plain, before = host.txt2img(FOUR, **OWN), len(host.read_log())
    result = host.txt2img(FOUR, **OWN, **scripts(LayerDiffuse={"args": args}))
    assert result.timesteps == pytest.approx(trailing(4), abs=2e-3) and result.rows == [1] * 4
    assert all(LORA in loras for loras in result.loras) and "not applied" not in result.infotext
    assert "layerdiffusion_enabled: True" in result.infotext and result.pixels[0] != plain.pixels[0]
    assert host.txt2img(FOUR, **OWN).pixels == plain.pixels
    assert "Traceback" not in host.read_log()[before:]
