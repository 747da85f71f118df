"""One UNet that is teacher, student, moving average and fake score: peft's adapters in it, of which one is in force."""

import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

import diffusers
import torch
from diffusers.training_utils import cast_training_params
from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from torch.optim.swa_utils import get_ema_multi_avg_fn

from .trajectory import Prediction, per_sample, with_image

__all__ = ["AVERAGE", "BEFORE", "FAKE", "STUDENT", "STYLE", "TEACHER", "Network", "Text", "rows"]

Text = dict[str, torch.Tensor]  # what the network is conditioned on, by the names that diffusers has for it

TEACHER = None  # no adapter at all, unless there is a style
STYLE, STUDENT, AVERAGE, FAKE, BEFORE = "style", "student", "average", "fake", "before"
LEARNING = (STUDENT, FAKE)
# Every linear and convolutional layer of the blocks, as the published LoRAs have them and diffusers' LCM script.
LAYERS = [
    "to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2",
    "conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv", "time_emb_proj",
]  # fmt: skip
ADDED = ("text_embeds", "time_ids")  # what SDXL is conditioned on beside the words


class Network:
    """A UNet with adapters, and what its output means.

    Args:
        unet: on its device; none of its own weights is trained.
        alphas_cumprod: ᾱ of its timesteps, ``[T]``.
        prediction: "epsilon" or "v_prediction".
        empty: the conditioning of no prompt, every tensor with one row.
        unguided: the timestep below which guidance has no effect.
        autocast: makes the context that the network computes in; what it puts out is in single precision.
    """

    def __init__(
        self,
        unet: diffusers.UNet2DConditionModel,
        alphas_cumprod: torch.Tensor,
        prediction: str,
        empty: Text,
        unguided: int = 0,
        autocast: Callable[[], AbstractContextManager] = nullcontext,
    ):
        self.unet, self.prediction, self.empty, self.unguided = unet.requires_grad_(False), prediction, empty, unguided
        self.alphas = with_image(alphas_cumprod.float().to(unet.device))
        self.autocast = autocast
        self.find_adapters()

    @property
    def timesteps(self) -> int:
        return len(self.alphas) - 1

    def add(self, name: str, rank: int, seed: int) -> None:
        """A new adapter in single precision, which changes nothing yet."""
        torch.manual_seed(seed)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Already found a `peft_config`")  # several adapters are what is wanted
            self.unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=LAYERS), name)
        cast_training_params(self.unet)
        self.find_adapters()

    def delete(self, *names: str) -> None:
        for layer in self.layers:
            layer.set_adapter([])  # peft warns of a deleted adapter that is in force
        self.unet.delete_adapters([name for name in names if self.has(name)])
        self.find_adapters()

    def find_adapters(self) -> None:
        """Look for the layers that have adapters, and for the parameters of each adapter, once for all steps."""
        self.layers = [layer for layer in self.unet.modules() if isinstance(layer, BaseTunerLayer)]
        self.of_adapter = {
            name: [parameter for key, parameter in self.unet.named_parameters() if f".{name}." in key]
            for name in getattr(self.unet, "peft_config", {})
        }
        for name, parameters in self.of_adapter.items():
            for parameter in parameters:
                parameter.requires_grad_(name in LEARNING)

    def has(self, name: str) -> bool:
        return name in getattr(self.unet, "peft_config", {})

    def use(self, name: str | None) -> None:
        """Have one adapter in force; none for the teacher, but the style where there is one.

        What is computed twice for the sake of memory goes by what is in force when the gradient is computed. peft's own
        ``set_adapter`` goes through the parameters of all adapters as well; several times in a step, that takes longer
        than a small network.
        """
        if name is TEACHER and self.has(STYLE):
            name = STYLE
        for layer in self.layers:
            layer._disable_adapters = name is TEACHER
            layer._active_adapter = [] if name is TEACHER else [name]

    def parameters(self, name: str) -> list[torch.nn.Parameter]:
        return self.of_adapter[name]

    def state(self, name: str) -> dict[str, torch.Tensor]:
        """The tensors of an adapter by peft's names, which are the same for all adapters."""
        return get_peft_model_state_dict(self.unet, adapter_name=name)

    def load(self, name: str, state: Mapping[str, torch.Tensor]) -> None:
        set_peft_model_state_dict(self.unet, dict(state), adapter_name=name)

    @torch.no_grad()
    def follow(self, decay: float) -> None:
        """Move the average towards the student."""
        get_ema_multi_avg_fn(decay)(self.parameters(AVERAGE), self.parameters(STUDENT), None)

    def predict(self, x: torch.Tensor, t: torch.Tensor, text: Text, adapter: str | None) -> Prediction:
        """The image and the noise in ``x``, ``[B, C, H, W]``, at timesteps ``t``, ``[B]``, by one adapter."""
        self.use(adapter)
        added = {name: text[name] for name in ADDED if name in text}
        with self.autocast():
            output = self.unet(x, t, text["encoder_hidden_states"], added_cond_kwargs=added).sample
        return self.read(output.float(), x, t)

    def read(self, output: torch.Tensor, x: torch.Tensor, t: torch.Tensor) -> Prediction:
        """What the network's output says of x: ε, or v = √ᾱ·ε − √(1 − ᾱ)·x0 (arXiv:2202.00512, appendix D)."""
        alpha = per_sample(self.alphas[t], x)
        signal, noise = alpha.sqrt(), (1 - alpha).sqrt()
        if self.prediction == "v_prediction":
            return Prediction(signal * x - noise * output, signal * output + noise * x)
        return Prediction((x - noise * output) / signal, output)

    def guided(
        self, x: torch.Tensor, t: torch.Tensor, text: Text, guidance: float, adapter: str | None = TEACHER
    ) -> Prediction:
        """A prediction with classifier-free guidance (arXiv:2207.12598)."""
        if guidance == 1:
            return self.predict(x, t, text, adapter)
        both = {name: torch.cat([self.empty[name].expand_as(value), value]) for name, value in text.items()}
        pairs = (part.chunk(2) for part in self.predict(torch.cat([x, x]), torch.cat([t, t]), both, adapter))
        scale = per_sample(torch.where(t < self.unguided, 1.0, guidance), x)
        return Prediction(*(without + scale * (with_text - without) for without, with_text in pairs))

    def features(self, x: torch.Tensor, t: torch.Tensor, text: Text) -> list[torch.Tensor]:
        """What the teacher's encoder makes of ``x``, level by level, and its middle block."""
        self.use(TEACHER)
        unet, words = self.unet, text["encoder_hidden_states"]
        found = []
        with self.autocast():
            time = unet.time_embedding(unet.get_time_embed(x, t))
            added = unet.get_aug_embed(time, words, {name: text[name] for name in ADDED if name in text})
            time = time if added is None else time + added
            x = unet.conv_in(x)
            for block in unet.down_blocks:
                x, _ = block(x, time, **({"encoder_hidden_states": words} if hasattr(block, "attentions") else {}))
                found.append(x.float())
            found.append(unet.mid_block(x, time, encoder_hidden_states=words).float())
        return found


def rows(text: Text, places: torch.Tensor | slice) -> Text:
    """Some of the rows of a conditioning."""
    return {name: value[places] for name, value in text.items()}
