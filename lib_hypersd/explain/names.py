"""How programs call samplers and schedules, and how the WebUIs call the same."""

__all__ = [
    "SAME_SAMPLERS", "SAME_SCHEDULES", "name_comfyui", "name_invokeai", "name_sdnext", "split_sampler",
]  # fmt: skip

COMFYUI_SAMPLERS = {
    "euler": "Euler", "euler_ancestral": "Euler a", "heun": "Heun", "dpm_2": "DPM2", "dpm_2_ancestral": "DPM2 a",
    "lms": "LMS", "dpm_fast": "DPM fast", "dpm_adaptive": "DPM adaptive", "dpmpp_2s_ancestral": "DPM++ 2S a",
    "dpmpp_sde": "DPM++ SDE", "dpmpp_2m": "DPM++ 2M", "dpmpp_2m_sde": "DPM++ 2M SDE", "dpmpp_3m_sde": "DPM++ 3M SDE",
    "ddpm": "DDPM", "lcm": "LCM", "tcd": "TCD", "ddim_trailing": "DDIM-Trailing", "uni_pc": "UniPC",
    "res_multistep": "Res Multistep",
    "ddim": "Euler",  # which it is there, at eta 0 (ComfyUI: comfy/samplers.py, ``ksampler``)
}  # fmt: skip
COMFYUI_SCHEDULES = {
    "normal": "Normal", "karras": "Karras", "exponential": "Exponential", "sgm_uniform": "SGM Uniform",
    "simple": "Simple", "ddim_uniform": "DDIM", "beta": "Beta", "kl_optimal": "KL Optimal", "trailing": "Trailing",
    "linear_quadratic": "Linear Quadratic", "start_at_800": "Start at 800",
}  # fmt: skip
INVOKEAI_SAMPLERS = {
    "euler": "Euler", "euler_a": "Euler a", "heun": "Heun", "lms": "LMS", "ddim": "DDIM", "ddpm": "DDPM",
    "pndm": "PNDM", "deis": "DEIS", "dpmpp_2s": "DPM++ 2S a", "dpmpp_2m": "DPM++ 2M", "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_3m": "DPM++ 3M", "dpmpp_sde": "DPM++ SDE", "kdpm_2": "DPM2", "kdpm_2_a": "DPM2 a", "unipc": "UniPC",
    "lcm": "LCM", "tcd": "TCD",
}  # fmt: skip
# AUTOMATIC1111 before 1.9 has the schedule in the sampler's name.
SUFFIXES = ("Karras", "Exponential", "SGM Uniform", "Simple", "Trailing")
# Other names for the timesteps of ours, to within one in a thousand.
SAME_SCHEDULES = {"SGM Uniform": ("Trailing", "TCD"), "Simple": ("Trailing", "TCD")}
# Samplers whose steps are the same at this eta; at one step they all are.
SAME_SAMPLERS = {0.0: ("DDIM-Trailing", "Euler"), 1.0: ("TCD", "LCM")}


def name_comfyui(sampler: str | None, schedule: str | None) -> tuple[str | None, str | None]:
    """ComfyUI's names as the WebUIs have them; any other as it is."""
    return (
        COMFYUI_SAMPLERS.get(sampler, sampler) if sampler else None,
        COMFYUI_SCHEDULES.get(schedule, schedule) if schedule else None,
    )


def name_invokeai(scheduler: str | None) -> tuple[str | None, str | None]:
    """InvokeAI's scheduler as sampler and schedule: ``dpmpp_2m_k`` has Karras's, and the others their own."""
    if not scheduler:
        return None, None
    karras = scheduler.endswith("_k")
    name = scheduler.removesuffix("_k")
    return INVOKEAI_SAMPLERS.get(name, name), "Karras" if karras else None


def name_sdnext(sigma: str | None, spacing: str | None) -> str | None:
    """SD.Next's “Sampler sigma” and “Sampler spacing” as a schedule; None for diffusers' own, and for trailing ones."""
    if sigma in COMFYUI_SCHEDULES:
        return COMFYUI_SCHEDULES[sigma]
    return spacing.capitalize() if spacing in ("leading", "linspace") else None


def split_sampler(name: str) -> tuple[str, str | None]:
    """A sampler and the schedule that its name ends in, None without one."""
    if name.islower():  # an image of ComfyUI's that Civitai has read
        for schedule in COMFYUI_SCHEDULES:
            if name.endswith(f"_{schedule}"):
                sampler, named = name_comfyui(name.removesuffix(f"_{schedule}"), schedule)
                return str(sampler), named
        return COMFYUI_SAMPLERS.get(name, name), None
    name = name.removesuffix(" FlowMatch")  # SD.Next's, of flow models
    for suffix in SUFFIXES:
        if name.endswith(f" {suffix}"):
            return name.removesuffix(f" {suffix}"), suffix
    return name, None
