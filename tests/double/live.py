"""What a host offers to those who run a request of their own: its queue, its state, the pages' scripts, its pictures."""

import base64
import io
import threading
from types import SimpleNamespace

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .requests import Processing

SAVED = ("do_not_save_samples", "do_not_save_grid")


class Interrupted(Exception):
    """What ends a request at an evaluation of the network."""


class Queue:
    """The lock that every image takes."""

    def __init__(self):
        self._lock = threading.Lock()

    def acquire(self, blocking=True):
        return self._lock.acquire(blocking)

    def release(self):
        self._lock.release()


class State:
    job, interrupted = "", False

    def begin(self, job="(unknown)"):
        self.job, self.interrupted = job, False

    def end(self):
        self.job = ""

    def interrupt(self):
        self.interrupted = True


class Runner:
    """A page's scripts: ours, and what their controls hold when the page opens."""

    def __init__(self):
        self.alwayson_scripts, self.inputs = [], []

    def _load(self, script):
        script.args_from, controls = 1, [False, *["Recommended"] * 7, False, False]
        self.alwayson_scripts[:] = [script]
        self.inputs[:] = [SimpleNamespace(value=value) for value in ("None", *controls)]

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)

        def hook(p, *given, **kwargs):
            for script in self.alwayson_scripts:
                getattr(script, name)(p, *given, *p.script_args[script.args_from :], **kwargs)

        return hook


class ByRequest:
    """A request's hooks, as the runner that it carries calls them."""

    def __getattr__(self, name):
        return lambda p, *given, **kwargs: getattr(p.scripts, name)(p, *given, **kwargs)


class ParamBinding:
    def __init__(
        self, paste_button, tabname, source_text_component=None, source_image_component=None, source_tabname=None,
        override_settings_component=None, paste_field_names=None,
    ):  # fmt: skip
        self._given = (tabname, source_text_component, source_image_component)


class OwnRequests:
    """The part of a host that runs requests made by its extensions; ``_saved`` are the files that it was told to save."""

    def have_queue(self):
        self.call_queue = SimpleNamespace(queue_lock=Queue())
        self.shared.state = State()
        self.scripts.scripts_txt2img, self.scripts.scripts_img2img = Runner(), Runner()
        self.bindings, self.threads = [], []

    def request_class(self, base, img2img):
        def new(cls, *, width, height, negative_prompt, init_images=(), **given):
            assert all(given.pop(name) for name in SAVED), "nothing is saved by itself"
            p = Processing(self, img2img=img2img, **given)
            p._size, p._init_images = (width, height), init_images
            return p

        return type(f"StableDiffusionProcessing{'Img' if img2img else 'Txt'}2Img", (base,), {"__new__": new})

    def run(self, p):
        """``process_images``: the picture with its infotext, none where it was interrupted."""
        assert p.is_api, "else the page's own scripts put its values into the request"
        state = self.shared.state
        handle = self.network.register_forward_pre_hook(lambda *_: self.check(state))
        try:
            latents = self.process_images(p, ByRequest(), ())
        except Interrupted:
            return SimpleNamespace(images=[], infotexts=[""])
        finally:
            handle.remove()
        image = Image.fromarray((latents[0, :3].permute(1, 2, 0).clamp(-1, 1) * 127 + 128).byte().numpy())
        extra = "".join(f", {key}: {value}" for key, value in p.extra_generation_params.items())
        infotext = f"{p.all_prompts[0]}\nSteps: {p.steps}, Seed: {p.seed}{extra}"
        return SimpleNamespace(images=[image.resize(p._size)], infotexts=[infotext])

    @staticmethod
    def check(state):
        if state.interrupted:
            raise Interrupted

    def run_and_wait_result(self, func, *args, **kwargs):
        self.threads.append(func.__name__)
        return func(*args, **kwargs)

    def save_image(
        self, image, path, basename, seed=None, prompt=None, extension="png", info=None, short_filename=False,
        no_prompt=False, grid=False, pnginfo_section_name="parameters", p=None, existing_info=None,
        forced_filename=None, suffix="", save_to_dirs=None,
    ):  # fmt: skip
        text = PngInfo()
        text.add_text(pnginfo_section_name, info)
        file = self.folder / f"{path} {seed}.{extension}"
        image.save(file, pnginfo=text)
        return str(file), None

    @staticmethod
    def image_from_url_text(filedata):
        return Image.open(io.BytesIO(base64.b64decode(filedata.partition(",")[2])))

    def register_paste_params_button(self, binding):
        self.bindings.append(binding)
