"""A small SD1.5 of our own and Hyper-SD LoRAs distilled from it: data, training, distillation, measurement.

``python -m tools.tiny all --out DIR`` makes everything from scratch, and takes up where it stopped.
"""
