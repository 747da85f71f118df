"""What the tests of pictures share: jobs, their latents, and a record of how the network is called."""

import torch

from lib_hypersd.playground.job import Job, read_job

BOUND = 1e-4  # of the relative error, where two ways to compute the same are compared
NEVER, NOWHERE = (lambda: False), (lambda step, steps: None)


def job_of(**values) -> Job:
    job, problems, comments = read_job({"prompt": "a red cat", "seed": 5, **values})
    assert not problems and not comments
    return job


def latents(playground, job, plan=None):
    with torch.inference_mode():
        return playground.latents([job], plan or playground.plan(job), NOWHERE, NEVER)


class Watched:
    """Records the rows and the timestep of each evaluation of the network, or of a ControlNet's."""

    def __init__(self, playground, network=None):
        self.network, self.rows, self.timesteps = network or playground.pipeline.network, [], []

    def __enter__(self):
        self.hook = self.network.register_forward_pre_hook(self.note, with_kwargs=True)
        return self

    def __exit__(self, *error):
        self.hook.remove()

    def note(self, network, args, kwargs):
        self.rows.append(len(kwargs.get("sample", kwargs.get("hidden_states"))))
        self.timesteps.append(round(kwargs["timestep"][0].item(), 3))


def noise_of(job, generator, channels=4):
    return torch.randn((1, channels, 8, 8), generator=generator)
