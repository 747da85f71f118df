"""Step 1: every name in a request is looked up, once."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from ..files.file import File
from ..files.identify import identify, named_family
from ..files.names import ITS_NAME, Distillation, distillation_of, own_recipe, recipe_inside
from ..recipes.catalog import HYPER_SD, Catalog, Recipe
from ..recipes.memory import Memory
from ..recipes.settings import Settings
from ..wording import fill
from .request import Model, Request
from .tags import Tag, find

__all__ = ["ITS_ARCHITECTURE", "YOUR_WORD", "Checkpoint", "Facts", "Lora", "by_word", "resolve"]

YOUR_WORD = fill("your own word")
ITS_ARCHITECTURE = fill("its architecture")


class Lora(NamedTuple):
    """A LoRA that the request names: the file of that name, the recipe that file or name belongs to, and the family
    that it was made for. ``names_family``: the name tells a family and nothing more, as Hyper-SDXL does."""

    name: str
    file: File | None
    recipe: Recipe | None
    family: str | None
    names_family: bool

    @property
    def is_alias(self) -> bool:
        """Whether the plan chooses the file for it."""
        return self.names_family and self.file is None

    @property
    def is_few_step(self) -> bool:
        return self.recipe is not None or self.names_family or bool(self.file and self.file.problem)


class Checkpoint(NamedTuple):
    """A checkpoint, and what is distilled into it: the maker, the recipe for that (None where there is none), the
    number of steps where its name has one, and the evidence for the maker, "" without one."""

    model: Model
    maker: str | None = None
    recipe: Recipe | None = None
    steps: int | None = None
    evidence: str = ""


class Facts(NamedTuple):
    """A request with every name looked up.

    ``settings`` are the user's, completed with what is remembered of the checkpoint; ``remembered`` are the fields that
    this set. ``files`` are at hand. ``tags`` are those of all prompts, as the host reads them;
    ``first`` are the first prompt's. ``loras`` has every LoRA that a tag or the panel names.
    """

    request: Request
    catalog: Catalog
    settings: Settings
    remembered: tuple[str, ...]
    files: Sequence[File]
    tags: tuple[Tag, ...]
    first: tuple[Tag, ...]
    loras: Mapping[str, Lora]
    checkpoint: Checkpoint
    refiner: Checkpoint | None
    second: Checkpoint | None

    @property
    def family(self) -> str | None:
        return self.request.model.family


def resolve(request: Request, catalog: Catalog) -> Facts:
    """The facts of a request. Nothing is decided here."""
    settings, remembered = with_memory(request.settings, request.model.memory)
    files = list_files(request, catalog)
    visible = [request.strip(prompt) if request.strip else prompt for prompt in request.prompts]
    tags = [[tag for tag in find(prompt) if tag.name] for prompt in visible]  # ``<lora::1>`` names nothing
    names = {tag.name for of_prompt in tags for tag in of_prompt} | ({settings.file} if settings.file else set())
    by_name = index_files(names, files)
    second = request.second_pass.model if request.second_pass else None
    checkpoints = {model.name: model for model in (request.model, request.refiner, second) if model}
    resolved = {name: resolve_checkpoint(model, catalog) for name, model in checkpoints.items()}
    return Facts(
        request=request,
        catalog=catalog,
        settings=settings,
        remembered=remembered,
        files=files,
        tags=tuple(tag for of_prompt in tags for tag in of_prompt),
        first=tuple(tags[0]) if tags else (),
        loras={name: resolve_lora(name, request, by_name, catalog) for name in names},
        checkpoint=resolved[request.model.name],
        refiner=resolved[request.refiner.name] if request.refiner else None,
        second=resolved[second.name] if second else None,
    )


def with_memory(settings: Settings, memory: Memory) -> tuple[Settings, tuple[str, ...]]:
    """The settings, completed with what is remembered of the checkpoint; and the fields that this set."""
    values = {name: value for name, value in memory.values().items() if getattr(settings, name) is None}
    return settings._replace(**values), tuple(values)


def list_files(request: Request, catalog: Catalog) -> Sequence[File]:
    """The files at hand: those of the request, or every published one."""
    if request.files is not None:
        return request.files
    return [File(r.file.removesuffix(".safetensors"), r) for r in catalog.recipes if r.is_lora and r.file]


def index_files(names: Collection[str], files: Sequence[File]) -> dict[str, File]:
    """The files by those of ``names`` that are theirs; a file's own name comes before an alias."""
    by_alias = {alias: file for file in files if file.aliases for alias in file.aliases if alias in names}
    return by_alias | {file.name: file for file in files if file.name in names}


def resolve_lora(name: str, request: Request, by_name: Mapping[str, File], catalog: Catalog) -> Lora:
    if name in request.others:
        return Lora(name, None, None, None, False)
    file, family = by_name.get(name), named_family(name)
    recipe = file.recipe if file else identify(catalog, name)
    made_for = (file.made_for if file else None) or (recipe.family if recipe else family)
    return Lora(name, file, recipe, made_for, family is not None)


def resolve_checkpoint(model: Model, catalog: Catalog) -> Checkpoint:
    """What is in a checkpoint: the user's word counts first, then its architecture, its metadata and its name."""
    if model.memory.inside is not None:
        inside = by_word(model.memory.inside) if model.memory.inside else None
    else:
        recipe = identify(catalog, model.name)
        if recipe and recipe.kind == "unet" and recipe.family == model.family:
            return Checkpoint(model, HYPER_SD, recipe, evidence=ITS_NAME)
        inside = distillation_of(model.name, model.metadata)
        own = own_recipe(catalog, model.family, model.architecture)
        if own:
            return Checkpoint(model, own.maker, own, inside.steps if inside else None, ITS_ARCHITECTURE)
    if inside is None:
        return Checkpoint(model)
    recipe = recipe_inside(catalog, inside, model.family)
    # Where no recipe of the family explains a word, it need not mean the maker for whom it usually stands.
    unexplained = f"“{inside.word}”" if inside.word else inside.maker
    return Checkpoint(model, recipe.maker if recipe else unexplained, recipe, inside.steps, inside.evidence)


def by_word(maker: str) -> Distillation:
    """What is in a checkpoint by the user's word."""
    return Distillation(maker, None, YOUR_WORD, "")
