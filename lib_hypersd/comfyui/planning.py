"""From a node's settings to a plan that can be carried out whole, or a sentence why there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..files.file import File
from ..files.layers import Fit, fit_of_file, places
from ..files.library import Library, LoraFile, file_of
from ..files.naming import Shape
from ..plan import Model, Plan, Request, make_plan
from ..plan.outcome import Refusal
from ..recipes.catalog import Catalog
from ..recipes.settings import Settings

__all__ = ["Loras", "Network", "make_whole_plan"]

Shapes = Mapping[str, list[int]]


@dataclass(frozen=True)
class Loras:
    """The LoRA files, by the names that sentences call them, and what is known of files."""

    paths: Mapping[str, str]
    library: Library

    def examine(self, catalog: Catalog, fixed: str | None) -> dict[str, LoraFile]:
        """What each file is; one that the user has fixed is opened, whatever its name."""
        if fixed is not None and fixed in self.paths:
            self.library.examine([self.paths[fixed]], catalog, open_all=True)
        found = self.library.examine(self.paths.values(), catalog)
        self.library.background.start()
        return dict(zip(self.paths, found, strict=True))


@dataclass(frozen=True)
class Network:
    """The model and the names and shapes of its network's tensors."""

    model: Model
    shapes: Shapes

    def fit(self, file: File, path: str) -> Fit | None:
        """How many of a LoRA's layers have a place in it; None where that is not to be known, or another family's."""
        if file.recipe is None or file.made_for != self.model.family:
            return None
        return fit_of_file(path, self.places)

    @cached_property
    def places(self) -> dict[str, Shape]:
        return places(self.shapes)


def make_whole_plan(
    settings: Settings, network: Network, loras: Loras, before: Sequence[str], catalog: Catalog
) -> Plan:
    """The plan for a model.

    Args:
        before: LoRAs that are on the model already.

    Raises:
        Refusal: there is no plan, or it could not be carried out whole.
    """
    found = loras.examine(catalog, settings.file)
    few_step = {name: file for name, file in found.items() if file.is_few_step}
    twice = [name for name in before if name in few_step and few_step[name].identification.recipe is not None]
    if twice:
        raise Refusal(
            f"{twice[0]} is on the model already, and two few-step LoRAs spoil each other. Take its loader out."
        )
    files = [as_file(name, file, network) for name, file in few_step.items()]
    request = Request(settings, network.model, files, others=found.keys() - few_step.keys(), strip=None)
    plan = make_plan(request, catalog)
    if plan.problem is not None:
        raise Refusal(plan.problem)
    return plan


def as_file(name: str, lora: LoraFile, network: Network) -> File:
    file = file_of(lora)._replace(name=name)
    return file._replace(fit=network.fit(file, lora.path))
