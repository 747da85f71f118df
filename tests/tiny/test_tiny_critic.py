"""The reward of the small model: of images and captions as distillation has them, and a gradient passes."""

import pytest
import torch

from tools.tiny.critic import PLACE, Critic, fitness
from tools.tiny.pictures import split


@pytest.fixture
def critic(tmp_path, monkeypatch):
    torch.manual_seed(0)
    torch.save(Critic().state_dict(), tmp_path / "critic.pt")
    monkeypatch.setenv(PLACE, str(tmp_path / "critic.pt"))


def test_a_reward_is_a_number_an_image_through_which_a_gradient_passes(critic):
    images = torch.rand(2, 3, 64, 64, requires_grad=True)
    scene = split()[0][0]
    rewards = fitness(images, [scene.caption(), scene.caption(place=False)])
    assert rewards.shape == (2,) and (rewards < 0).all() and rewards[0] < rewards[1], "what is unsaid costs nothing"
    rewards.sum().backward()
    assert images.grad.abs().amax((1, 2, 3)).min() > 0


def test_an_empty_caption_says_nothing(critic):
    assert fitness(torch.rand(1, 3, 64, 64), [""]).item() == 0
