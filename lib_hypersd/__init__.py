"""Hyper-SD for WebUI: few-step sampling, recipes and one plan for every face of the extension.

This package is pure: it imports no WebUI. Only ``lib_hypersd.webui`` does.
"""

__version__ = "0.1.0"
