"""Fast decoding: the host's own TAESD, here with random weights, for one request and no other."""

import pytest

from tests.live.common import ON, describe

SLOW = {**ON, "steps": 2}
FAST = {**SLOW, "fast_decoding": True}
WIDE = {"width": 128, "height": 128}


@pytest.fixture
def decoder(host):
    """Switches the weights of the small decoder on and off."""
    # A host gives an overridden option back only where its config file has held it.
    host.post("/sdapi/v1/options", {"sd_vae_decode_method": "Full"})
    yield lambda there: host.post("/hypersd-probe/decoder", {"there": there})
    host.post("/hypersd-probe/decoder", {"there": False})


def state(host):
    return describe(host, ("options", "shadows", "hooks", "forward"))


def test_where_the_weights_are_missing_the_checkpoints_own_decoder_is_used_and_nothing_fetched(host, decoder):
    decoder(False)
    slow = host.txt2img(SLOW)
    before = state(host)
    result = host.txt2img(FAST)
    assert result.pixels == slow.pixels and "VAE Decoder" not in result.extra
    assert result.extra["Hyper-SD note"].startswith("TAESD is not used: the WebUI has no taesd_decoder.pth in ")
    assert not list(host.data.rglob("taesd_decoder.pth")) and state(host) == before


def test_it_is_used_for_this_request_only_and_written_to_the_image(host, decoder):
    decoder(True)
    slow = host.txt2img(SLOW)
    before = state(host)
    fast = host.txt2img(FAST)
    assert fast.pixels != slow.pixels and fast.timesteps == slow.timesteps and fast.loras == slow.loras
    assert fast.extra["VAE Decoder"] == "TAESD" and fast.extra["Hyper-SD fast decoding"] == "True"
    assert "Hyper-SD note" not in fast.extra and state(host) == before
    again = host.txt2img(SLOW)
    assert again.pixels == slow.pixels and "VAE Decoder" not in again.extra
    own = host.txt2img(SLOW, override_settings={"sd_vae_decode_method": "TAESD"})
    assert own.pixels == fast.pixels, "what the host makes where its own option says so"


def test_each_image_of_a_batch_and_img2img(host, decoder):
    decoder(True)
    batch = host.txt2img(FAST, batch_size=2, n_iter=2)
    infotexts = batch.info["infotexts"][-4:]  # the first may be that of all together
    assert len({*batch.pixels[-4:]}) == 4 and all("VAE Decoder: TAESD" in text for text in infotexts)
    start = host.txt2img(SLOW).encoded
    slow, fast = (host.img2img(panel, init_images=start, denoising_strength=0.6) for panel in (SLOW, FAST))
    assert slow.pixels != fast.pixels and fast.extra["VAE Decoder"] == "TAESD"


def test_a_second_pass_is_enlarged_from_the_checkpoints_own_and_ends_with_it(host, decoder):
    decoder(True)
    second = {"enable_hr": True, "hr_scale": 1.5, "hr_upscaler": "None", "denoising_strength": 0.5, **host.hires}
    slow, fast = (host.txt2img(panel, **second, **WIDE) for panel in (SLOW, FAST))
    assert fast.images[0].size == (192, 192) and fast.pixels != slow.pixels
    assert fast.timesteps == slow.timesteps and fast.extra["VAE Decoder"] == "TAESD"
    assert host.txt2img(SLOW, **second, **WIDE).pixels == slow.pixels


def test_its_infotext_gives_the_same_image(host, decoder):
    decoder(True)
    fast = host.txt2img(FAST)
    again = host.txt2img(None, infotext=fast.infotext, styles=[])
    assert again.pixels == fast.pixels and "Hyper-SD note" not in again.extra
