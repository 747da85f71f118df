"""The only part that imports a WebUI's ``modules``. It goes by what the host has, never by what it is called.

Nothing here knows a recipe: plans come from ``lib_hypersd.plan``, and this carries them out.
"""
