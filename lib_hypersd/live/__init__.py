"""The live page: its markup, what it asks for with every change, and what it is answered.

The page's script is ``javascript/hypersd_live.js``. Who serves the page makes the pictures: a WebUI or the playground.
"""
