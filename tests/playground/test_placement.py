"""Where the parts of a pipeline go by the free memory; that they fit is measured where there is a GPU (bench.cuda)."""

import pytest

from lib_hypersd.playground.placement import GB, Placement, choose

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
