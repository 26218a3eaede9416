"""Contact sheets: pictures side by side with labels, as PNG."""
import numpy as np

from dynjax.evaluation.columns import alpha_of, metrics_of, point_text, title_of, value_text
from dynjax.evaluation.drawing import draws
from dynjax.files import write_png
from dynjax.metrics import METRICS
from dynjax.metrics.preparation import to_levels

CROP, CELL, GAP, FONT_SIZE = 128, 256, 10, 14
MOST_POINTS = 7
INK, PAPER = (30, 30, 30), (255, 255, 255)


def contact_sheet(pictures, path, *, crop=CROP):
    """One row a picture: input, baselines, results at points of alpha, target; PSNR and LPIPS under each.

    Each shows the middle of the picture, at most `crop` pixels wide, every pixel enlarged by the same whole number;
    the input is enlarged to the target's size pixel by pixel. Of more than seven points of alpha seven are shown.

    Args:
      pictures: dynjax.evaluation.Picture, one or more.
      path: the PNG to write.
      crop: width and height of what is shown, in pixels of the target.
    """
    rows = []
    for picture in pictures:
        height, width = picture.target.shape[:2]
        factor = height // picture.input.shape[0]
        enlarged = picture.input.repeat(factor, 0).repeat(factor, 1)
        baselines = picture.rows[:len(picture.baselines)]
        points = picture.rows[len(picture.baselines):]
        shown = sorted({round(index) for index in np.linspace(0, len(points) - 1, min(len(points), MOST_POINTS))})
        cells = [(enlarged, ["input", picture.name, f"{width} x {height} pixels"])]
        cells += [(image, _label(row)) for row, image in zip(baselines, picture.baselines.values(), strict=True)]
        cells += [(picture.outputs[index], _label(points[index])) for index in shown]
        cells += [(picture.target, ["target"])]
        rows.append([(middle(image, crop, factor), label) for image, label in cells])
    _draw(rows, path)


def alpha_row(images, labels, path):
    """One row of whole pictures with a label under each, such as one picture at several points of alpha.

    Small pictures are enlarged by a whole number.

    Args:
      images: [A, H, W, C] or a list of [H, W, C]; floats in [0, 1], clipped, or uint8.
      labels: a string a picture; lines separated by "\\n".
      path: the PNG to write.

    Raises:
      ValueError: not one label a picture, or pictures with values that are not finite.
    """
    if len(images) != len(labels) or not len(images):
        raise ValueError(f"alpha_row got {len(images)} pictures and {len(labels)} labels; wanted one label a picture, "
                         "and one picture or more.")
    alpha_rows([list(zip(images, labels, strict=True))], path)


def alpha_rows(rows, path):
    """Several such rows on one sheet: rows of (picture, label), as for alpha_row."""
    _draw([[(_eight_bit(image), label.split("\n")) for image, label in row] for row in rows], path)


def _label(row):
    text = {metric: value_text(metric, row[metric]) for metric in metrics_of([row])}
    lines = [point_text(alpha_of(row)) or row["method"]]
    labels = {metric: METRICS.get(metric).label for metric in text}
    labels = {metric: f"{title_of(metric)} {{}}" if label is None else label for metric, label in labels.items()}
    # Those that are written in a form of their own first.
    ordered = sorted(text, key=lambda metric: METRICS.get(metric).label is None)
    return lines + [labels[metric].format(text[metric]) for metric in ordered if labels[metric]]


def middle(image, crop, multiple=1):
    """The middle of [H, W, C], at most crop x crop, beginning at a multiple so that the input's pixels stay whole."""
    height, width = image.shape[:2]
    top, left = (max(0, (side - crop) // 2) // multiple * multiple for side in (height, width))
    return image[top:top + crop, left:left + crop]


@draws
def _draw(rows, path):
    """Rows of (uint8 picture, lines of text) cells onto one sheet, columns aligned."""
    from matplotlib import font_manager
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), FONT_SIZE)
    rows = [[(_enlarge(image), lines) for image, lines in row] for row in rows]
    columns = max(map(len, rows))
    widths = [max(max(image.shape[1], *(int(font.getlength(line)) + 1 for line in lines)) for row in rows
                  for image, lines in row[column:column + 1]) for column in range(columns)]
    line_height = FONT_SIZE + 5
    heights = [max(image.shape[0] for image, _ in row) + 4 + line_height * max(len(lines) for _, lines in row)
               for row in rows]
    sheet = Image.new("RGB", (sum(widths) + GAP * (columns + 1), sum(heights) + GAP * (len(rows) + 1)), PAPER)
    pen = ImageDraw.Draw(sheet)
    top = GAP
    for row, height in zip(rows, heights, strict=True):
        left = GAP
        for (image, lines), width in zip(row, widths, strict=False):
            sheet.paste(Image.fromarray(image), (left, top))
            for number, line in enumerate(lines):
                pen.text((left, top + image.shape[0] + 4 + number * line_height), line, fill=INK, font=font)
            left += width + GAP
        top += height + GAP
    write_png(path, np.asarray(sheet))


def _enlarge(image):
    """RGB, every pixel repeated as often as fits into a cell."""
    factor = max(1, CELL // max(image.shape[:2]))
    image = image.repeat(factor, 0).repeat(factor, 1)
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image


def _eight_bit(image):
    image = np.asarray(image)
    if image.dtype == np.uint8:
        return image
    if not np.isfinite(image.astype(np.float32)).all():
        raise ValueError("alpha_row got a picture with values that are not finite; wanted floats in [0, 1]: the "
                         "network or its weights have diverged.")
    return to_levels(image.astype(np.float32)).astype(np.uint8)
