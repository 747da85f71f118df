"""A Hyper-SD LoRA of one's own checkpoint: trajectory segmented consistency distillation (arXiv:2404.13686)."""
