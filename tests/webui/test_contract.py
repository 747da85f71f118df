"""The host contract: the adapter keeps to what was recorded on real hosts, and the double is no other than they are."""

import ast
from types import ModuleType, SimpleNamespace

import pytest
import torch

from tests.contract import facts
from tests.contract.check import FOLDER, around, contracts, moved, problems
from tests.contract.table import DOUBLE, HOLDERS, MODULES, OURS, WITH, WITHOUT
from tests.contract.walk import Found, Walk, walk
from tests.double import Host, Options, Processing, Script

KINDS = {
    "AUTOMATIC1111": "a1111",
    "Forge": "forge",
    "Forge Neo": "neo",
    "reForge": "reforge",
    "Forge Classic": "classic",
}
DOUBLES = "tests.double."  # the modules in which the double's own things are
CONTRACTS = {f"{contract.host}, {contract.commit}": contract for contract in contracts()}


@pytest.fixture(params=CONTRACTS.values(), ids=CONTRACTS, scope="module")
def contract(request):
    return request.param


def test_every_kind_of_host_has_its_contract():
    assert {contract.kind for contract in CONTRACTS.values()} == KINDS.keys()


def test_a_contract_is_written_as_it_stands(contract, tmp_path):
    file = contract.write(tmp_path)
    assert file.read_bytes() == (FOLDER / file.name).read_bytes()


# The adapter.


def test_the_adapter_uses_nothing_else(contract):
    assert problems(walk(), contract.facts) == []


@pytest.mark.parametrize("guards", [WITH, WITHOUT], ids=["with", "without"])
def test_no_guard_is_idle(guards, monkeypatch):
    found = walk()
    for name in list(guards):
        with monkeypatch.context() as patch:
            patch.delitem(guards, name)
            assert any(name in line for contract in CONTRACTS.values() for line in problems(found, contract.facts))


@pytest.mark.parametrize(
    ("kind", "source", "sentence"),
    [
        ("a1111", "from modules import nothing", "uses modules.nothing, which was not recorded."),
        ("a1111", "import modules.shared\nmodules.shared.nothing", "uses modules.shared.nothing, which was not recorded."),
        ("a1111", "def f(p): return p.nothing", "uses txt2img.nothing, which was not recorded."),
        ("a1111", "def f(p): setattr(p, 'hr_cfg', 1)", "takes txt2img.hr_cfg, which is not there."),
        ("a1111", "def f(p): p.sampler.nothing = 1", "uses sampler.nothing, which was not recorded."),
        ("a1111", "from modules import shared\nhasattr(shared.opts, 'nothing')", "uses modules.shared.opts.nothing, which was not recorded."),
        ("a1111", "from modules import sd_models as m\nx = m.model_data.sd_model\nx.nothing", "uses sd_model.nothing, which was not recorded."),
        ("a1111", "from modules import sd_models as m\nx: object = m.model_data.sd_model\nx.nothing", "uses sd_model.nothing, which was not recorded."),
        ("a1111", "def f(p): return p.hr_cfg", "takes txt2img.hr_cfg, which is not there."),
        ("a1111", "def f(p): return getattr(p, 'hr_cfg', None)", None),
        ("forge", "def f(p): return p.hr_cfg", "takes img2img.hr_cfg, which is not there."),
        ("a1111", "from modules import sd_schedulers", None),
        ("classic", "from modules import sd_schedulers", "takes modules.sd_schedulers, which is not there."),
        ("classic", "try:\n    from modules import sd_schedulers\nexcept ImportError:\n    ...", None),
        ("a1111", "from modules import sd_samplers\nsd_samplers.create_sampler('x')", "calls modules.sd_samplers.create_sampler with what does not fit (name, model)."),
        ("a1111", "from modules import sd_samplers\nsd_samplers.create_sampler(*x)", None),
        ("a1111", "from modules import hashes\nhashes.sha256_from_cache('x', 'y', addnet=1)", "calls modules.hashes.sha256_from_cache with what does not fit (filename, title, use_addnet_hash=...)."),
        ("a1111", "def f(p):\n    def own(x): ...\n    p.setup_conds = own", "stands in for txt2img.setup_conds with (x), which does not serve ()."),
        ("a1111", "from modules.scripts import Script\nclass S(Script):\n    def process(self, p): ...", "stands in for modules.scripts.Script.process with (self, p), which does not serve (self, p, *args)."),
        ("a1111", "from modules.scripts import Script\nclass S(Script):\n    def nothing(self): ...", "uses modules.scripts.Script.nothing, which was not recorded."),
    ],
)  # fmt: skip
def test_what_else_an_adapter_would_use_is_said(kind, source, sentence):
    found = Found()
    Walk("webui/new.py", found).visit(ast.parse(source))
    contract = next(one for one in CONTRACTS.values() if KINDS[one.kind] == kind)
    lines = [line for line in problems(found, contract.facts) if "new.py" in line]
    assert any(line.endswith(f" {sentence}") for line in lines) if sentence else not lines


def test_a_name_that_nobody_declared_cannot_be_computed():
    with pytest.raises(KeyError, match=r"webui/new.py: p"):
        Walk("webui/new.py", Found()).visit(ast.parse("def f(p, name): return getattr(p, name)"))


def test_what_moved_is_said_name_by_name():
    before = {"a": {"kind": "function", "signature": "(x)"}, "b": {"kind": "value"}, "c": None, "d": {"kind": "list"}}
    after = {
        "a": {"kind": "function", "signature": "(x, y=...)"},
        "b": None,
        "c": None,
        "e": {"kind": "class", "bases": ["A"]},
    }
    assert moved(before, after) == [
        "a: function(x) → function(x, y=...)",
        "b: value → not there",
        "d: list → not recorded",
        "e: not recorded → class, a A",
    ]


# The double.


@pytest.fixture(scope="module")
def double(contract, tmp_path_factory):
    """What is recorded on the double in the way of the live suite, and what it was recorded from."""
    host = Host(tmp_path_factory.mktemp("host"), KINDS[contract.kind])
    host.install_loras("Hyper-SD15-4steps-lora")
    found, recorded, given = walk(), {}, {}

    class Probe(Script):
        def process_before_every_sampling(self, p, *args, c, **kwargs):
            word = "img2img" if p._img2img else "txt2img"
            if word not in given:
                given.update({word: p, "cond": c})
                names = [name for name in (*found.uses, *DOUBLE) if name.startswith("img2img.") == p._img2img]
                recorded.update(facts.record(names, found.called, HOLDERS, MODULES, given))

    with host.as_modules():
        host.load_script()
        for request in ({"enable_hr": True, "hr_prompt": ""}, {"img2img": True}):
            prompt = "a cat <lora:Hyper-SD15-4steps-lora:1>"
            host.process_images(Processing(host, prompt, sampler_name="DPM++ 2M", **request), Probe())
        yield recorded, given


def test_the_double_is_as_the_host(contract, double):
    assert moved(contract.facts | contract.double, double[0]) == []


def test_the_double_offers_no_other_names(contract, double):
    recorded, given = double
    there = {name for name, fact in recorded.items() if fact and not name.endswith("__")}
    for thing in {around(name) for name in recorded}:
        expected = {name[len(thing) + 1 :].strip('"]') for name in there if around(name) == thing != name}
        for one in facts.find(thing, HOLDERS, MODULES, given)[:1]:
            if is_of_the_double(one):
                assert offered(one) == expected, thing


def is_of_the_double(value) -> bool:
    """Whether it was made for the double, other than what it takes of gradio, torch, k-diffusion and Python."""
    if isinstance(value, ModuleType):
        return not hasattr(value, "__file__")
    of = value if isinstance(value, type) else type(value)
    return of is SimpleNamespace or of.__module__.startswith(DOUBLES)


def offered(value) -> set[str]:
    """The names of its own; an option of the host is a name of its options."""
    classes = (value if isinstance(value, type) else type(value)).__mro__
    names = set(vars(value)).union(*(vars(one) for one in classes if one.__module__.startswith(DOUBLES)))
    if isinstance(value, torch.nn.Module):
        names = names - set(vars(torch.nn.Module())) | set(value._modules)
    if isinstance(value, Options):
        names |= set(value.data)
    return {name for name in names if not name.startswith("_") and OURS not in name}
