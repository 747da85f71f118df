"""What the tests of the adapter share."""

from pathlib import Path

from tests.files.headers import NETWORKS, tensors, write

LORAS = [f"Hyper-SD15-{kind}-lora" for kind in ("1step", "2steps", "4steps", "8steps", "8steps-CFG", "12steps-CFG")]
ON = {"enabled": True}


def recorded(host):
    """The timesteps of the last request, each evaluation's."""
    return [round(t) for t in host.network.timesteps]


def rows(host):
    """How many rows the network sees at each evaluation from now on, and what ends the counting."""
    counted = []
    handle = host.network.register_forward_pre_hook(lambda module, args: counted.append(args[0].shape[0]))
    return counted, handle


def loaded_file(checkpoint):
    return Path(checkpoint.sd_checkpoint_info.filename)


def write_checkpoint(checkpoint, network, **options):
    """Give a checkpoint of the host's a file whose header is that of such a network."""
    write(loaded_file(checkpoint), tensors(NETWORKS[network], **options))
