"""One network with several adapters: each is itself, the teacher is none of them, and gradients are the plain ones."""

import pytest
import torch

from lib_hypersd.cli.playground import EMBEDDED, embedded_checkpoint
from lib_hypersd.distil.base import make_accelerator, open_base
from lib_hypersd.distil.network import AVERAGE, FAKE, STUDENT, TEACHER
from lib_hypersd.distil.sampling import draw
from lib_hypersd.distil.trajectory import add_noise
from lib_hypersd.playground.loading import load_pipeline
from tests.distil.world import options_for


@pytest.fixture
def network(base):
    network = base.network
    for i, name in enumerate((STUDENT, AVERAGE, FAKE)):
        network.add(name, 4, i)
    yield network
    network.delete(STUDENT, AVERAGE, FAKE)


@pytest.fixture
def sample(base):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 4, 8, 8, generator=generator), torch.tensor([800, 300]), base.encode("a red circle")


def fill(network, name, seed):
    """Give an adapter weights that change something."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters(name):
            parameter.normal_(0, 0.05)


def twice(text):
    return {name: torch.cat([value, value]) for name, value in text.items()}


def test_every_adapter_is_itself_and_the_teacher_none(network, sample):
    x, t, text = sample[0], sample[1], twice(sample[2])
    with torch.no_grad():
        teacher = network.predict(x, t, text, TEACHER).noise
        assert torch.equal(network.predict(x, t, text, STUDENT).noise, teacher), "a new adapter changes nothing"
        for i, name in enumerate((STUDENT, FAKE)):
            fill(network, name, i)
        student, fake = (network.predict(x, t, text, name).noise for name in (STUDENT, FAKE))
        assert torch.equal(network.predict(x, t, text, TEACHER).noise, teacher)
        assert torch.equal(network.predict(x, t, text, STUDENT).noise, student)
    assert (student - teacher).abs().max() > 0.01 and (student - fake).abs().max() > 0.01


def test_the_average_follows_the_student(network):
    fill(network, STUDENT, 0)
    fill(network, AVERAGE, 1)
    before = [parameter.clone() for parameter in network.parameters(AVERAGE)]
    network.follow(0.9)
    for parameter, old, student in zip(network.parameters(AVERAGE), before, network.parameters(STUDENT), strict=True):
        torch.testing.assert_close(parameter, 0.9 * old + 0.1 * student)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_gradient_is_the_students_whatever_was_in_force_between(network, sample, checkpointing):
    """The student's prediction is used by the teacher, and by then other adapters have been in force."""
    x, t, text = sample[0], sample[1], twice(sample[2])
    fill(network, STUDENT, 0)
    parameters = network.parameters(STUDENT)

    def gradient(between):
        for parameter in parameters:
            parameter.grad = None
        predicted = network.predict(x, t, text, STUDENT)
        fixed = predicted.x0.detach().requires_grad_()
        between()
        loss = sum(features.square().mean() for features in network.features(fixed, t, text)) + fixed.square().mean()
        (handed_on,) = torch.autograd.grad(loss, fixed)
        network.use(STUDENT)
        (predicted.x0 * handed_on).sum().backward()
        return [parameter.grad.clone() for parameter in parameters]

    def others():
        with torch.no_grad():
            network.predict(x, t, text, AVERAGE)
            network.guided(x, t, text, 3.0)
        network.predict(x, t, text, FAKE).noise.square().mean().backward()

    try:
        plain = gradient(lambda: None)
        assert max(part.abs().max() for part in plain) > 0
        if checkpointing:
            network.unet.enable_gradient_checkpointing()
            network.unet.train()
        for part, expected in zip(gradient(others), plain, strict=True):
            torch.testing.assert_close(part, expected, rtol=1e-4, atol=1e-7)
    finally:
        network.unet.disable_gradient_checkpointing()
        network.unet.eval()


def test_only_the_adapter_in_force_is_trained(network, sample):
    x, t, text = sample[0], sample[1], twice(sample[2])
    for name in (STUDENT, FAKE, AVERAGE, TEACHER):
        error = network.predict(x.clone().requires_grad_(), t, text, name).noise.square().mean()
        error.backward()
        trained = {
            key.split(".")[-2] for key, parameter in network.unet.named_parameters() if parameter.grad is not None
        }
        assert trained == ({name} if name in (STUDENT, FAKE) else set())
        network.unet.zero_grad()


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_what_an_exact_network_says_is_read_as_image_and_noise(network, monkeypatch, prediction):
    image, noise = (torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(i)) for i in (1, 2))
    t = torch.tensor([10, 999])
    signal = network.alphas[t].reshape(-1, 1, 1, 1).sqrt()
    output = noise if prediction == "epsilon" else signal * noise - (1 - signal**2).sqrt() * image
    monkeypatch.setattr(network, "prediction", prediction)
    read = network.read(output, add_noise(image, noise, t, network.alphas), t)
    torch.testing.assert_close(read.x0, image, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(read.noise, noise, rtol=1e-4, atol=1e-4)


def test_guidance_moves_away_from_no_prompt_and_ends_where_it_has_no_effect(network, sample, monkeypatch):
    x, t, text = sample[0], sample[1], twice(sample[2])
    monkeypatch.setattr(network, "unguided", 500)
    empty = {name: value.expand(2, *value.shape[1:]) for name, value in network.empty.items()}
    with torch.no_grad():
        with_text, without = (network.predict(x, t, one, TEACHER).noise for one in (text, empty))
        guided = network.guided(x, t, text, 3.0).noise
    torch.testing.assert_close(guided[0], without[0] + 3 * (with_text[0] - without[0]), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(guided[1], with_text[1], rtol=1e-4, atol=1e-4)


def test_the_teacher_draws_what_the_playgrounds_pipeline_draws(base, sample):
    """The same noise and steps through diffusers' own DDIM, on its trailing timesteps."""
    from diffusers import DDIMScheduler

    noise, text = sample[0][:1], sample[2]
    changed = {"timestep_spacing": "trailing", "set_alpha_to_one": True}
    scheduler = DDIMScheduler.from_config(base.pipeline.pipe.scheduler.config, **changed)
    scheduler.set_timesteps(4)
    x = noise
    with torch.no_grad():
        for t in scheduler.timesteps:
            predicted = base.network.guided(x, t.reshape(1), text, 3.0).noise
            x = scheduler.step(predicted, t, x).prev_sample
    torch.testing.assert_close(draw(base.network, noise, text, 4, 3.0), x, rtol=1e-3, atol=1e-3)


def test_a_style_is_the_teachers_and_not_the_students(tmp_path, base, images, sample):
    x, t, text = sample[0], sample[1], twice(sample[2])
    style = EMBEDDED / "Hyper-SD15-4steps-lora-tiny.safetensors"
    options = options_for(tmp_path, images, teacher_lora=style, teacher_weight=0.5)
    styled = open_base(options, make_accelerator(options)).network
    styled.add(STUDENT, 4, 0)
    with torch.no_grad():
        plain, student, teacher = (
            network.predict(x, t, text, adapter).noise
            for network, adapter in ((base.network, TEACHER), (styled, STUDENT), (styled, TEACHER))
        )
        pipeline = load_pipeline(embedded_checkpoint(), "cpu")
        pipeline.set_adapters({str(style): 0.5})
        expected = pipeline.network(x, t, text["encoder_hidden_states"]).sample
    torch.testing.assert_close(student, plain)
    torch.testing.assert_close(teacher, expected, rtol=1e-4, atol=1e-4)
    assert (teacher - plain).abs().max() > 0.1
