"""What the tests of the small model share."""

import numpy as np
import torch

from lib_hypersd.distil.trajectory import with_image
from tools.tiny.lora import Lora
from tools.tiny.train import alphas_cumprod

ALPHAS = with_image(alphas_cumprod().double())


def rng(seed=3):
    return np.random.default_rng(seed)


def changed_lora(unet):
    lora = Lora(unet, rank=2)
    with torch.no_grad():
        for up in lora.up.values():
            up.normal_(0, 0.1)
    return lora
