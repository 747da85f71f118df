"""At CFG 1 the negative prompt cancels out: evaluate the network on the positive prompt only."""

from functools import wraps

from modules import script_callbacks

from .options import shadowed

SKIPPED = "Skip Early CFG"


def skip_negative(denoiser, p) -> None:
    """Let this denoiser, made by the host for one pass of one request, leave out the negative half at CFG 1.

    Hosts that keep the network behind a patcher do so by themselves (F:backend/sampling/sampling_function.py:295).
    The others have a way to do so, the option ``skip_early_cond`` (A:sd_samplers_cfg_denoiser.py:218), which
    is shadowed for the length of each evaluation. It then takes the positive prediction for the negative one: the
    same image, where each image has one prompt of weight 1 and nothing else reads the negative prediction, as
    extensions do that listen to ``cfg_denoised`` (self-attention guidance, for one).
    """
    if getattr(denoiser, "hypersd_positive_only", False) or hasattr(p.sd_model, "forge_objects"):
        return
    evaluate = denoiser.forward

    @wraps(evaluate)
    def forward(x, sigma, uncond, cond, cond_scale, *args, **kwargs):
        if not cancels_out(denoiser, cond, cond_scale):
            return evaluate(x, sigma, uncond, cond, cond_scale, *args, **kwargs)
        try:
            # Of the conditioning of inpainting checkpoints the host cuts the negative half off only when it does not
            # batch both halves (A:sd_samplers_cfg_denoiser.py:241-250).
            with shadowed(skip_early_cond=1.0, batch_cond_uncond=False):
                return evaluate(x, sigma, uncond, cond, cond_scale, *args, **kwargs)
        finally:
            # Pasted, this would become an option that skips guidance at any CFG.
            p.extra_generation_params.pop(SKIPPED, None)

    denoiser.forward = forward
    denoiser.hypersd_positive_only = True


def cancels_out(denoiser, cond, cond_scale) -> bool:
    """Whether the prediction at ``cond_scale`` is the positive one alone."""
    return (
        cond_scale == 1
        and denoiser.cond_scale_miltiplier == 1
        and not denoiser.need_last_noise_uncond
        and denoiser.image_cfg_scale in (None, 1)
        and not script_callbacks.callback_map["callbacks_cfg_denoised"]
        and all(len(parts) == 1 and parts[0].weight == 1 for parts in cond.batch)
    )
