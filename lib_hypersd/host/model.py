"""The loaded checkpoint, as a plan wants to know it."""

from modules import sd_models

from ..plan import Model

FAMILY_FLAGS = {"is_sd1": "sd15", "is_sdxl": "sdxl", "is_sd3": "sd3"}


def loaded() -> Model | None:
    """The model that is in memory now, or None; asking never loads one."""
    model = sd_models.model_data.sd_model
    info = getattr(model, "sd_checkpoint_info", None)
    if info is None:
        return None
    families = [family for flag, family in FAMILY_FLAGS.items() if getattr(model, flag, False)]
    if getattr(model, "is_ssd", False):
        families = []  # SSD-1B answers to is_sdxl too, but has other blocks
    prediction = "v_prediction" if getattr(model, "parameterization", None) == "v" else "epsilon"
    return Model(families[0] if families else None, info.name_for_extra, prediction)
