"""What a host's modules are made of, apart from its sampling."""

from collections import namedtuple
from dataclasses import dataclass
from types import ModuleType

from tests.accordion import InputAccordion

WITH_PREDICTORS = ("forge", "neo")


def module(name, **content):
    new = ModuleType(name)
    vars(new).update(content)
    return new


class OptionInfo:
    def __init__(
        self, default=None, label="", component=None, component_args=None, onchange=None, section=None, refresh=None,
        comment_before="", comment_after="", infotext=None, restrict_api=False, category_id=None,
    ):  # fmt: skip
        self.default, self.infotext = default, infotext

    def info(self, info):
        return self


class Options:
    """Saved values in ``data``; an attribute of the object itself comes first, as for any Python object."""

    def __init__(self, **data):
        self.data, self.data_labels = data, {key: OptionInfo(value) for key, value in data.items()}

    def __getattr__(self, name):
        if name in self.__dict__.get("data", {}):
            return self.data[name]
        raise AttributeError(name)

    def add_option(self, key, info):
        self.data_labels[key] = info
        self.data.setdefault(key, info.default)


@dataclass
class Scheduler:
    name: str
    label: str
    function: object
    default_rho: float = -1
    need_inner_model: bool = False
    aliases: list | None = None


SamplerTuple = namedtuple("SamplerData", ["name", "constructor", "aliases", "options"])


class SamplerData(SamplerTuple):
    pass


class DynamicArgs(type):
    """The class of what Neo has in the place of a dict: a class whose attributes are read as entries too."""

    def get(cls, key, default=None):
        return getattr(cls, key, default)

    def __getitem__(cls, key):
        return getattr(cls, key)

    def __contains__(cls, key):
        return hasattr(cls, key)


class Script:
    tabname, section, create_group, infotext_fields = "txt2img", None, True, None

    def title(self): ...

    def show(self, is_img2img): ...

    def ui(self, is_img2img): ...

    def after_component(self, component, **kwargs): ...

    def process(self, p, *args): ...

    def before_process_batch(self, p, *args, **kwargs): ...

    def process_batch(self, p, *args, **kwargs): ...

    def process_before_every_sampling(self, p, *args, **kwargs): ...

    def post_sample(self, p, ps, *args): ...

    def postprocess_batch(self, p, *args, **kwargs): ...


class AxisOption:
    def __init__(
        self, label, type,  # noqa: A002 (the host names it so)
        apply, format_value=None, confirm=None, cost=0.0, choices=None, prepare=None
    ):  # fmt: skip
        self.label, self.type, self.apply, self.choices = label, type, apply, choices


def do_nothing(*args, **kwargs): ...


def set_field(name):
    return lambda p, x, xs: setattr(p, name, x)


def input_accordion(value=None, **kwargs):
    """What Forge has in the place of the class."""
    return InputAccordion(value, **kwargs)


class PasteField(tuple):
    def __new__(cls, component, target, *, api=None):
        return super().__new__(cls, (component, target))
