"""The playground's page: the WebUI's panel over a diffusers pipeline, in two tabs."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import gradio as gr

from .. import panel
from ..download.downloads import Downloads
from ..live.routes import add_routes
from ..plan import Memory
from ..recipes.memory import Entry, Memories
from .errors import Unservable
from .generate import Playground
from .generate_tab import GenerateTab
from .live_tab import LiveTab
from .loading import SMALL
from .series import Captioned, Series, read_infotext

__all__ = ["Page", "serve"]

ROOT = Path(__file__).parents[2]
# gradio's own greys of lesser text are too pale to read.
LEGIBLE = {
    name: value
    for part in ("body_text_color_subdued", "block_info_text_color", "input_placeholder_color")
    for name, value in ((part, "*neutral_500"), (f"{part}_dark", "*neutral_400"))
}


class Page:
    """The page and what stands behind it; ``blocks`` is the gradio app.

    Args:
        out: the folder where pictures are kept.
        downloads: fetch LoRAs that are missing, where that makes sense for the model.
        first: pictures to begin with.
    """

    def __init__(self, playground: Playground, out: Path, downloads: Downloads, first: Sequence[Captioned] = ()):
        self.playground, self.out, self.series = playground, out, Series(playground, out)
        self.memories = Memories(out / "hypersd-checkpoints.json")
        self.recall()
        # Small pictures are shown larger than they are, pixel by pixel.
        picture_classes = ["hypersd-small"] if max(playground.pipeline.size) <= SMALL else []
        with gr.Blocks(title="Hyper-SD playground", fill_width=True) as self.blocks:
            gr.HTML(
                "<h1>Hyper-SD playground</h1><p>Pictures in 1 to 8 steps, here with "
                f"<b>{escape(playground.pipeline.model.name)}</b>. The panel, the plan, the samplers and the infotext "
                "are those of the WebUI.</p>",
                elem_id="hypersd_title",
            )
            with gr.Tab("Generate"):
                GenerateTab(self.series, self.backend(downloads), list(first), picture_classes)
            with gr.Tab("Live"):
                self.live = LiveTab(playground, out, small=bool(picture_classes))
            self.blocks.load(js="() => window.hypersdPlayground()")

    def launch(self, **options) -> str:
        """Serve the page in the background; its address."""
        app, url, _ = self.blocks.launch(prevent_thread_lock=True, quiet=True, **options, **launch_options())
        add_routes(app, self.live.draw, self.live.interrupt, self.live.keep)
        return url

    def backend(self, downloads: Downloads) -> panel.Backend:
        here = self.playground
        return panel.Backend(
            lambda: here.catalog,
            lambda: here.pipeline.model,
            here.loras.files,
            here.request,
            lambda: None,
            downloads,
            self.remember,
            last_infotext=self.read_last_infotext,
        )

    def read_last_infotext(self) -> str:
        """The infotext of the picture that was kept last, "" without one."""
        pictures = sorted(self.out.glob("*.png"))
        return read_infotext([(str(pictures[-1]), "")]) if pictures else ""

    def remember(self, memory: Memory) -> None:
        """Keep what the user says of the checkpoint, beside the pictures."""
        self.out.mkdir(parents=True, exist_ok=True)
        self.memories.keep(Entry(*self.checkpoint(), memory=memory))
        self.recall()

    def recall(self) -> None:
        pipeline = self.playground.pipeline
        pipeline.model = pipeline.model._replace(memory=self.memories.find(*self.checkpoint()))

    def checkpoint(self) -> tuple[str, int]:
        """The name and the size by which the checkpoint is recognised."""
        model = self.playground.pipeline.model
        return model.name, Path(model.path).stat().st_size if model.path else 0


def serve(
    playground: Playground, out: Path, downloads: Downloads, first: list[Captioned], host: str, port: int | None
) -> None:
    """Serve the page until somebody ends it; raises Unservable where that address is not free."""
    page = Page(playground, out, downloads, first)
    try:
        url = page.launch(server_name=host, server_port=port, allowed_paths=[str(out.resolve())])
    except OSError as error:
        where = host if port is None else f"{host}, port {port}"
        raise Unservable(f"The page cannot be served at {where}; give another with --port.") from error
    print(f"The page is at {url} until you press Ctrl+C.", flush=True)
    page.blocks.block_thread()


def launch_options() -> dict:
    """How the page looks and behaves: the panel's own style and script, and what the page adds to them."""
    here = Path(__file__)
    parts = [ROOT / "javascript" / f"hypersd_{name}.js" for name in ("panel", "scribble", "live")]
    scripts = [*parts, here.with_name("page.js")]
    styles = [ROOT / "style.css", here.with_name("page.css")]
    script, style = ("\n".join(path.read_text(encoding="utf-8") for path in paths) for paths in (scripts, styles))
    return {
        "css": style,
        "head": f"<script>{script}</script>",
        "theme": gr.themes.Default(spacing_size="sm").set(**LEGIBLE),
        "footer_links": [],
        "show_error": True,
    }
