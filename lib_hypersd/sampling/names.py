"""The names of samplers and schedules, as WebUIs show them; kept without torch for modules that need only names."""

__all__ = ["BY_IMAGE_SIZE", "SAMPLERS", "SCHEDULES", "SIMPLE"]

SIMPLE = "Simple"  # the hosts' own name for evenly spaced times
BY_IMAGE_SIZE = "By image size"
SCHEDULES = ("Trailing", "TCD", "Start at 800", SIMPLE, BY_IMAGE_SIZE)
SAMPLERS = ("TCD", "DDIM-Trailing", "Euler", "LCM")  # those that recipes name
