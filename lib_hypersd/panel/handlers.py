"""What happens when a control of the panel changes or a button is pressed."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import HyperSDError
from ..plan import Memory, Plan
from ..recipes.catalog import Recipe
from ..recipes.settings import FIELDS, RECOMMENDED, read_settings
from .backend import INSIDE, Backend, file_choices, inside_choices, inside_value
from .status import Status, render_downloads, render_explanation, render_sentence, render_status

if TYPE_CHECKING:
    from ..explain import Explanation

Updates = tuple[Any, ...]


class Handlers(NamedTuple):
    """Each handler gets the values of the panel's controls and, with ``has_prompt``, the prompt behind them, which
    ``read_settings`` passes over; what it returns goes into the parts of the panel that ``controls.connect`` names."""

    gr: Any
    backend: Backend
    has_prompt: bool

    def render(self, values: Updates) -> Status:
        return render_status(values, self.backend, values[-1] if self.has_prompt else "")

    def render_downloads(self, missing: Recipe | None) -> tuple[str, str | None]:
        return render_downloads(self.backend.downloads, missing, self.backend.language())

    def show(self, *values: Any) -> Updates:
        """The status, the buttons that it offers, and the downloads."""
        html, offers, missing = self.render(values)
        downloads, label = self.render_downloads(missing)
        update = self.gr.update
        return (
            html,
            update(visible="detail" in offers),
            update(visible="cfg" in offers),
            update(value=downloads, visible=bool(downloads)),
            update(value=label or "Download", visible=label is not None),
            update(visible=bool(self.backend.downloads.active())),
        )

    def show_with_lists(self, *values: Any) -> Updates:
        """The same, with the lists that depend on the checkpoint and on the files."""
        return (
            *self.show(*values),
            self.gr.update(choices=file_choices(self.backend)),
            self.gr.update(choices=inside_choices(self.backend), value=inside_value(self.backend)),
        )

    def refresh(self, *values: Any) -> Updates:
        self.backend.refresh()
        return self.show_with_lists(*values)

    def download(self, label: str, *values: Any) -> Updates:
        """Fetch what is missing, if it is what the button names: the checkpoint may have changed since it was shown."""
        missing = self.render(values).missing
        if missing is not None and label == self.render_downloads(missing)[1]:
            self.backend.downloads.start(missing.id)
        return self.show_with_lists(*values)

    def cancel(self, *values: Any) -> Updates:
        for download in self.backend.downloads.active():
            download.cancel()
        return self.show_with_lists(*values)

    def keep(self, *values: Any) -> Updates:
        settings, _, _ = read_settings(values)
        return self.remember(values, lambda memory: memory._replace(settings=settings._replace(enabled=False)))

    def forget(self, *values: Any) -> Updates:
        return self.remember(values, lambda memory: Memory())

    def set_inside(self, choice: str, *values: Any) -> Updates:
        return self.remember(values, lambda memory: memory._replace(inside=INSIDE.get(choice, choice)))

    def explain(self, infotext: str) -> Updates:
        """What does not fit in an image, and the button that takes over what does."""
        update, language = self.gr.update, self.backend.language()
        try:
            found = self.explanation(infotext)
        except HyperSDError as problem:
            return self.refuse(problem)
        fits = bool(found.causes and found.plan and found.plan.problem is None)
        return update(value=render_explanation(found, language), visible=True), update(visible=fits)

    def use_what_fits(self, infotext: str) -> Updates:
        """Switch Hyper-SD on with the LoRA that fits, and everything else as recommended for it; where the infotext is
        unreadable by now, change nothing and say so in place of the explanation."""
        unchanged = self.gr.update()
        try:
            plan = self.explanation(infotext).plan
        except HyperSDError as problem:
            return *self.refuse(problem), unchanged, *(unchanged for field in FIELDS)
        values: dict[str, Any] = {field.name: False if field.is_switch else RECOMMENDED for field in FIELDS}
        if isinstance(plan, Plan) and plan.file:
            values["file"] = plan.file
        return unchanged, unchanged, True, *values.values()

    def refuse(self, problem: HyperSDError) -> Updates:
        """Why there is no explanation, in its place, and no button below it."""
        html = render_sentence("problem", str(problem), language=self.backend.language())
        return self.gr.update(value=html, visible=True), self.gr.update(visible=False)

    def explanation(self, infotext: str) -> "Explanation":
        from ..explain import explain, read_text  # which costs the WebUI's start nothing

        return explain(read_text(infotext.strip() or self.backend.last_infotext()), self.backend.catalog())

    def remember(self, values: Updates, change: Callable[[Memory], Memory]) -> Updates:
        """Keep the changed memory of the checkpoint; where it cannot be kept, the status says why."""
        model = self.backend.model()
        if model is not None:
            try:
                self.backend.remember(change(model.memory))
            except HyperSDError as error:
                html = render_sentence("problem", str(error), model, language=self.backend.language())
                return html, *self.show_with_lists(*values)[1:]
        return self.show_with_lists(*values)
