"""Networks of the small model, untrained."""

import pytest
import torch

from tools.tiny import model


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return model.make_networks()
