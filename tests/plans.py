"""Plans as the tests ask for them."""

from hypothesis import strategies as st

from lib_hypersd.plan import File, Memory, Model, Request, make_plan
from lib_hypersd.plan.tags import strip_comments
from lib_hypersd.recipes.catalog import FAMILIES, published
from lib_hypersd.recipes.settings import VARIANTS, Settings
from lib_hypersd.wording import fill

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


# Requests of all kinds.

LORAS = [recipe for recipe in CATALOG.recipes if recipe.is_lora]
BROKEN = File(
    "broken",
    None,
    problem=fill("{name} has no safetensors header.", name="broken"),
    looks_like=BY_ID["hyper-sdxl-8steps"],
)
MISNAMED = File("misnamed", BY_ID["hyper-sdxl-8steps"], family="sd15")
FILES = st.none() | st.lists(
    st.sampled_from([file(r.id) for r in LORAS] + [File("Hyper-SDXL", None), BROKEN, MISNAMED]), unique=True
)
TAGS = st.sampled_from(
    [
        "<lora:Hyper-SDXL:0.6>",
        "<lora:hyper-sd15>",
        "<lora:Hyper-SD15-4steps-lora:0.9>",
        "<lora:Hyper-SDXL-1step-lora:x>",
        "<lora:style:1>",
    ]
)
PROMPT = st.lists(TAGS | st.text(alphabet="ab ,<>:", max_size=5), max_size=4).map(" ".join)


# By way of tuples: of a NamedTuple hypothesis would draw the fields that have defaults, too, and anything in them.
REQUESTS = st.tuples(
    st.builds(
        dict,
        enabled=st.just(True),
        variant=st.none() | st.sampled_from(list(VARIANTS)),
        steps=st.none() | st.integers(1, 20),
        weight=st.none() | st.floats(0, 2),
        cfg=st.none() | st.floats(1, 30),
        eta=st.none() | st.floats(0, 1),
        file=st.none() | st.sampled_from([r.file.removesuffix(".safetensors") for r in LORAS] + ["x"]),
        sampler=st.none() | st.just("Euler a"),
        schedule=st.none() | st.just("Karras"),
    ).map(lambda values: Settings(**values)),
    st.tuples(
        st.none() | st.sampled_from(list(FAMILIES)),
        st.sampled_from(["plain", "xl_hyper_8step", "Hyper-SDXL-1step-Unet-Comfyui"]),
    ).map(lambda values: Model(*values)),
    FILES,
    st.lists(PROMPT, min_size=1, max_size=3).map(tuple),
).map(lambda values: Request(*values))
