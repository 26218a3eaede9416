"""Figures of matplotlib as files."""
import io

from dynjax.files import write_atomically


def save_figure(figure, path):
    """Writes a matplotlib Figure as a PNG, in one step; makes missing folders."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    write_atomically(path, picture.getvalue())
