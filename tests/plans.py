"""Plans as the tests ask for them."""

from lib_hypersd.plan import File, Memory, Model, Request, make_plan
from lib_hypersd.plan.tags import strip_comments
from lib_hypersd.recipes.catalog import published
from lib_hypersd.recipes.settings import Settings

CATALOG = published()
BY_ID = {recipe.id: recipe for recipe in CATALOG.recipes}
DDIM, TCD, FLOW = ("DDIM-Trailing", "Trailing", 0.0), ("TCD", "TCD", 1.0), ("Euler", "Simple", None)


def file(recipe_id, name=None, *aliases, **more):
    return File(name or BY_ID[recipe_id].file.removesuffix(".safetensors"), BY_ID[recipe_id], aliases, **more)


def plan(
    family="sdxl", prompt="a cat", files=None, model=None, prediction="epsilon", coarse=False, prompts=None, second=None,
    refiner=None, others=(), sent_eta=None, memory=None, metadata=None, architecture=None, strip=strip_comments,
    schedules=False, control_weights=(), no_fast_decoder="",
    **fixed,
):  # fmt: skip
    model = Model(
        family, model or f"some {family} model", prediction, coarse, architecture, metadata or {}, memory or Memory()
    )
    return make_plan(
        Request(
            Settings(True, **fixed),
            model,
            files,
            prompts or (prompt,),
            second,
            refiner,
            others,
            sent_eta,
            strip,
            schedules,
            control_weights,
            no_fast_decoder,
        ),
        CATALOG,
    )


def summary(plan):
    assert plan.problem is None, plan.problem
    return plan.file, plan.steps, plan.weight, plan.cfg, plan.sampler, plan.schedule, plan.eta
