"""Notes on a request: on the page, and in the image, since clients of the API get nothing else."""

from collections.abc import Sequence

from ..translation import translate
from ..wording import Sentence, fill, join
from .options import find_users_language

NOTE = "Hyper-SD note"
NOT_APPLIED = "not applied. {problem}"  # where there is no plan


def note(p, sentences: Sequence[str]) -> None:
    """Say this, on the page in the user's language, in the image in English."""
    for sentence in sentences:
        p.comment(translate(sentence, find_users_language()))
    if sentences:
        before = p.extra_generation_params.get(NOTE)
        p.extra_generation_params[NOTE] = join(filter(None, (before, *sentences)))


def refuse(p, problem: str, sentences: Sequence[str] = ()) -> None:
    """Say why the request is left as the user made it."""
    not_applied = fill("Hyper-SD was not applied, and your own settings were used. {problem}", problem=problem)
    p.comment(translate(not_applied, find_users_language()))
    p.extra_generation_params[NOTE] = fill(NOT_APPLIED, problem=problem)
    note(p, sentences)


def find_problem(p) -> str:
    """Why the request is left as the user made it; "" where that is not."""
    written = p.extra_generation_params.get(NOTE)
    while isinstance(written, Sentence) and written.template != NOT_APPLIED:
        written = written.values.get("before")  # what has been noted besides stands behind it
    return written.values["problem"] if isinstance(written, Sentence) else ""
