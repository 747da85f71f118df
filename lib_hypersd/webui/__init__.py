"""The only part that imports a WebUI's ``modules``. It asks what the host can, never what it is called.

Nothing here knows a recipe: plans come from ``lib_hypersd.plan``, and this carries them out.
"""
