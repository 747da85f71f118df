"""The live page's pictures: each is a request of the host's own, run while the host has nothing else to do."""

from contextlib import closing
from typing import Any

from modules import call_queue, images, infotext_utils, processing, scripts, sd_samplers, shared

from ..errors import HyperSDError
from ..live.answers import INTERRUPTED, Picture, refuse, say, show, wait
from ..live.redraw import Redraw, Unreadable, read_redraw
from ..recipes.catalog import HYPER_SD
from ..wording import fill, shown
from . import controlnet, planning, request
from .live_watch import WatchedScripts
from .options import get_option, shadowed, switched
from .scripts import find_script

try:  # Forge and its kin make all images in one thread, so that a model stays where it is
    from modules_forge import main_thread
except ImportError:
    main_thread = None

JOB = "Hyper-SD Live"
FAILED = fill("The WebUI could not make this picture; its console says why.")


def draw(payload: dict) -> dict[str, Any]:
    """The picture of what the page holds; where the host makes another image, that comes first."""
    try:
        redraw = read_redraw(payload)
    except HyperSDError as problem:
        return refuse(str(problem))
    if obstacle := planning.find_obstacle():
        return refuse(obstacle)
    if not call_queue.queue_lock.acquire(blocking=False):
        return wait()
    try:
        answer = main_thread.run_and_wait_result(make, redraw) if main_thread else make(redraw)
    finally:
        call_queue.queue_lock.release()
    return answer or refuse(FAILED)


def make(redraw: Redraw) -> dict[str, Any]:
    """Run a redraw as a request; nothing is saved, and the host's own prompt history stays as it was."""
    shared.state.begin(job=JOB)
    try:
        p, watched = build_request(redraw)
        with (
            closing(p),
            shadowed(multiple_tqdm=False, live_previews_enable=False),
            switched(no_prompt_history=True),
        ):
            result = processing.process_images(p)
        is_interrupted = shared.state.interrupted
    except Unreadable as problem:
        return refuse(str(problem))
    finally:
        shared.state.end()
        shared.state.interrupted = False  # as the host does behind its own requests
    plan = request.get_state(p).plan
    if plan is None:
        return refuse(watched.problem)
    if is_interrupted or not result.images:
        return say(INTERRUPTED)
    if redraw.lines and controlnet.INFOTEXT not in p.extra_generation_params:
        not_followed = "The WebUI's ControlNet could not follow the scribble with {model}; its console says why."
        return refuse(fill(not_followed, model=shown(redraw.control)))
    times = watched.clock.times("WebUI")
    return show(Picture(result.images[0], result.infotexts[0], plan.steps, plan.cfg > 1, times, watched.notes))


def build_request(redraw: Redraw) -> tuple[Any, WatchedScripts]:
    """The host's request for a redraw, with our script on and all others as they are when the page opens."""
    given: dict[str, Any] = {
        "prompt": redraw.prompt, "negative_prompt": redraw.negative, "seed": redraw.seed, "width": redraw.width,
        "height": redraw.height, "sampler_name": sd_samplers.all_samplers[0].name, "do_not_save_samples": True,
        "do_not_save_grid": True,
    }  # fmt: skip
    if redraw.start:
        kind, runner = processing.StableDiffusionProcessingImg2Img, scripts.scripts_img2img
        given |= {"init_images": [read_image(redraw.start)], "denoising_strength": redraw.strength}
    else:
        kind, runner = processing.StableDiffusionProcessingTxt2Img, scripts.scripts_txt2img
    p = kind(**given)
    if hasattr(p, "scheduler"):
        p.scheduler = "Automatic"  # the host warns of none with each picture
    p.is_api = True  # else the page's own scripts put its seed and sampler into the request
    p.scripts = watched = WatchedScripts(runner)
    p.script_args = arguments(runner, redraw)
    return p, watched


def arguments(runner, redraw: Redraw) -> tuple:
    """The values with which the page's scripts begin, ours, and ControlNet's where it is wanted."""
    values = [getattr(component, "value", None) for component in runner.inputs]
    values[0] = 0  # none of the scripts that take a request over
    values[find_script(runner, HYPER_SD).args_from] = {
        "enabled": True, "steps": redraw.steps, "fast_decoding": redraw.taesd,
    }  # fmt: skip
    if redraw.lines:
        other = find_script(runner, controlnet.TITLE)
        if other is None:
            raise Unreadable(fill("The WebUI has no ControlNet."))
        values[other.args_from] = controlnet.make_unit(redraw.control, redraw.lines, redraw.control_weight)
    return tuple(values)


def read_image(url: Any):
    """The image of a data URL, Pillow's."""
    try:
        image = infotext_utils.image_from_url_text(url)
        image.load()
    except Exception as error:  # each host raises what it likes
        raise Unreadable(fill("The drawing is no image that can be read.")) from error
    return image


def interrupt(payload: dict) -> dict[str, Any]:
    """End the picture that is being made for the page; never another image of the host's."""
    if shared.state.job == JOB:
        shared.state.interrupt()
    return say(INTERRUPTED)


def keep(payload: dict) -> dict[str, Any]:
    """Save a picture that the page shows, by the host's own function and in its folder."""
    try:
        redraw, image = read_redraw(payload), read_image(payload.get("image"))
    except HyperSDError as problem:
        return refuse(str(problem))
    of_kind = "outdir_img2img_samples" if redraw.start else "outdir_txt2img_samples"
    folder, kind = get_option("outdir_samples") or get_option(of_kind), get_option("samples_format", "png")
    infotext = str(payload.get("infotext") or "")
    path, _ = images.save_image(image, folder, "", redraw.seed, redraw.prompt, kind, info=infotext)
    return say(fill("Kept as {path}.", path=path))
