"""How names and numbers are written in sentences."""

__all__ = ["shown", "spell"]


def spell(number: float) -> str:
    """The shortest text that reads back as the same number: 1 for 1.0, 0.125."""
    return repr(number).removesuffix(".0")


def shown(name: str) -> str:
    """A file's name on one line of a sentence: what would break it or turn its direction stands there as an escape."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in name)
