"""Notes on a request: on the page, and in the image, since clients of the API get nothing else."""

from collections.abc import Sequence

NOTE = "Hyper-SD note"
NOT_APPLIED = "not applied. "  # what it begins with where there is no plan


def note(p, sentences: Sequence[str]) -> None:
    for sentence in sentences:
        p.comment(sentence)
    if sentences:
        before = p.extra_generation_params.get(NOTE)
        p.extra_generation_params[NOTE] = " ".join(filter(None, (before, *sentences)))


def refuse(p, problem: str, sentences: Sequence[str] = ()) -> None:
    """Say why the request is left as the user made it."""
    p.comment(f"Hyper-SD was not applied, and your own settings were used. {problem}")
    p.extra_generation_params[NOTE] = NOT_APPLIED + problem
    note(p, sentences)
