"""Where the parts of a pipeline go by the free memory; that they fit is measured where there is a GPU (bench.cuda)."""

import pytest
import torch

from lib_hypersd.playground.placement import GB, WORKSPACE, Placement, choose, place
from tests.playground import models

SDXL = {"vae": 0.31, "text_encoder": 0.23, "text_encoder_2": 1.29, "unet": 4.78}
FLUX = {"vae": 0.16, "text_encoder": 0.23, "text_encoder_2": 8.87, "transformer": 22.17}


@pytest.mark.parametrize(
    ("sizes", "free", "placement", "words"),
    [
        (SDXL, 11.2, Placement(), ""),
        (SDXL, 7.2, Placement("parts"), "The device has 7.2 GB free: each part is on the device only while it works."),
        (SDXL, 3.2, Placement("layers"), "each layer is on the device only while it works, which is slow"),
        (FLUX, 40, Placement(), ""),
        (FLUX, 30, Placement("parts"), "each part"),
        (
            FLUX,
            23,
            Placement("", float8=True),
            "all parts stay on the device, and the network's weights are stored in 8",
        ),
        (
            FLUX,
            15.2,
            Placement("parts", float8=True),
            "each part is on the device only while it works, and the network's",
        ),
        (FLUX, 7.2, Placement("layers"), "each layer"),
    ],
)
def test_the_fastest_placement_that_fits_is_chosen(sizes, free, placement, words):
    network = "unet" if "unet" in sizes else "transformer"
    chosen = choose({name: int(size * GB) for name, size in sizes.items()}, network, int(free * GB))
    sentence = chosen.sentence(int(free * GB))
    assert chosen == placement
    assert words in sentence and bool(words) == bool(sentence)


class Part(torch.nn.Linear):
    """400 bytes of weights; notes how it is to be stored."""

    def __init__(self, calls):
        super().__init__(10, 10, bias=False)
        self.calls, self.dtype = calls, torch.float32

    def enable_layerwise_casting(self, storage, compute):
        self.calls.append(("8 bits", storage, compute))


class Pipe:
    """A FLUX pipeline of three parts of the same size, which notes what is done to it."""

    def __init__(self):
        self.calls = []
        self.components = {name: Part(self.calls) for name in ("transformer", "vae", "text_encoder")}
        self.components["tokenizer"] = None

    def to(self, device):
        self.calls.append(("to", device))

    def enable_model_cpu_offload(self, device):
        self.calls.append(("parts", device))

    def enable_sequential_cpu_offload(self, device):
        self.calls.append(("layers", device))


GPU = torch.device("cuda")
IN_8_BITS = ("8 bits", torch.float8_e4m3fn, torch.float32)


@pytest.mark.parametrize(
    ("room", "calls"),
    [(1200, [("to", GPU)]), (1199, [("parts", GPU)]), (399, [("layers", GPU)])],
)
def test_diffusers_own_options_carry_a_placement_out(room, calls):
    pipe = Pipe()
    sentence = place(pipe, GPU, WORKSPACE + room)
    assert pipe.calls == calls and bool(sentence) == (room < 1200)


def test_a_network_larger_than_the_device_is_stored_in_8_bits():
    pipe = Pipe()
    pipe.components["transformer"].weight = torch.nn.Parameter(torch.zeros(20, 10))
    place(pipe, GPU, WORKSPACE + 400)
    assert pipe.calls == [IN_8_BITS, ("parts", GPU)]


def test_on_the_cpu_all_is_in_its_memory():
    pipe = Pipe()
    assert place(pipe, torch.device("cpu"), 0) == "" and pipe.calls == [("to", torch.device("cpu"))]


def test_a_picture_too_large_to_decode_at_once_is_decoded_in_tiles(playground, monkeypatch):
    vae, latents = playground.pipeline.pipe.vae, torch.randn(1, 4, 8, 8)
    decode, tiled = type(vae).decode, []

    def short_of_memory(self, latents):
        tiled.append(self.use_tiling)
        if not self.use_tiling:
            raise torch.OutOfMemoryError
        return decode(self, latents)

    with torch.inference_mode():
        whole = playground.pipeline.decode(latents)
        monkeypatch.setattr(type(vae), "decode", short_of_memory)
        assert playground.pipeline.decode(latents).size == whole.size
    assert tiled == [False, True] and not vae.use_tiling


def test_a_vae_that_overflows_in_half_precision_is_taken_to_float32(folder, monkeypatch):
    pipeline = models.playground_of(folder / "sd15.safetensors").pipeline
    latents = torch.randn(1, 4, 8, 8)
    with torch.inference_mode():
        wanted = pipeline.decode(latents)
        pipeline.pipe.vae.to(torch.float16)
        pipeline.pipe.vae.decoder.conv_in.bias.fill_(float("inf"))
        pixels_of = type(pipeline).pixels_of

        def repaired(self, latents):
            if self.pipe.vae.dtype == torch.float32:
                self.pipe.vae.decoder.conv_in.bias.fill_(0.0)
            return pixels_of(self, latents)

        monkeypatch.setattr(type(pipeline), "pixels_of", repaired)
        assert pipeline.decode(latents).size == wanted.size
    assert pipeline.pipe.vae.dtype == torch.float32
