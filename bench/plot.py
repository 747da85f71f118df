"""How cost grows, drawn."""

import matplotlib
from matplotlib.ticker import ScalarFormatter

matplotlib.use("svg")
from matplotlib import pyplot


def draw(curves, path):
    """One plot for each of ``curves``: a title, what the axis counts, the unit, and lines of points by name."""
    columns = 2
    rows = -(-len(curves) // columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(10, 3.5 * rows), layout="constrained", squeeze=False)
    for ax in axes.flat[len(curves) :]:
        ax.remove()
    for ax, (title, axis, unit, lines) in zip(axes.flat, curves, strict=False):
        for name, points in lines.items():
            ax.plot(*zip(*points, strict=True), marker="o", markersize=3, label=name)
        ax.set(title=title, xlabel=axis, ylabel=unit, ylim=0, xscale="log")
        ax.set_xticks([x for x, _ in next(iter(lines.values()))])
        ax.xaxis.set_major_formatter(ScalarFormatter())
        ax.minorticks_off()
        ax.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})
