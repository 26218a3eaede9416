"""The means as papers print them: a row for every method, columns for every set and point of alpha."""
from dynjax.evaluation.columns import METHOD, alpha_of, metrics_of, sum_to_one, title_of, value_text
from dynjax.evaluation.tables import aligned, mean_rows


def layout_rows(rows, fixed=()):
    """One dict for every metric and method: "metric", "method", then "<set> <alpha>" for every set and point, None
    where a method was not measured there; without the baselines. Fixed networks of no known alpha have a column "-".

    Args:
      rows: as `measure` gives them, with "set" where there are several. fixed: names of the fixed networks.
    """
    tuned = [row for row in rows if alpha_of(row) or row["method"] in fixed]
    means, point = mean_rows(tuned, also=("set",)), _points(tuned)
    column = lambda row: " ".join(filter(None, (row.get("set"), point(row))))
    # The tuned network's order: a fixed one has a single point.
    sets = list(dict.fromkeys(row.get("set") for row in means))
    ordered = sorted(means, key=lambda row: (sets.index(row.get("set")), row["method"] != METHOD))
    columns = list(dict.fromkeys(map(column, ordered)))
    methods = list(dict.fromkeys(row["method"] for row in means))
    found = {(row["method"], column(row)): row for row in means}
    return [{"metric": metric, "method": method,
             **{column: found.get((method, column), {}).get(metric) for column in columns}}
            for metric in metrics_of(tuned) for method in methods]


def layout_table(laid):
    """`layout_rows` as aligned text that is Markdown too, one table a metric."""
    return _tables(laid, 1, "")


def _tables(laid, named, what):
    """One table a metric; the first `named` columns after it are words, the others its values."""
    parts = []
    for metric in dict.fromkeys(row["metric"] for row in laid):
        cells = [list(laid[0])[1:]]
        for row in laid:
            if row["metric"] == metric:
                words, values = list(row.values())[1:1 + named], list(row.values())[1 + named:]
                cells.append([*words, *("" if value is None else value_text(metric, value) for value in values)])
        parts.append(f"{title_of(metric)}{what}:\n\n{aligned(cells, left=named)}")
    return "\n\n".join(parts) + "\n"


def level_rows(rows):
    """One dict for every metric, method and point: "metric", "method", "alpha", then "<set> <level>" for every set of
    pictures and level, the baselines too; None where a method was not measured there.

    Args:
      rows: as `measure` gives them, with "level", and with "set" where there are several.
    """
    means, point = mean_rows(rows, also=("set", "level")), _points(rows)
    column = lambda row: " ".join(filter(None, (row.get("set"), row["level"])))
    columns = list(dict.fromkeys(map(column, means)))
    lines = {}
    for row in means:
        lines.setdefault((row["method"], point(row)), {})[column(row)] = row
    return [{"metric": metric, "method": method, "alpha": where,
             **{column: line.get(column, {}).get(metric) for column in columns}}
            for metric in metrics_of(rows) for (method, where), line in lines.items()]


def level_table(laid):
    """`level_rows` as aligned text that is Markdown too, one table a metric."""
    return _tables(laid, 2, " by level")


def _points(rows):
    """f(row) -> its point of alpha, short: the first number alone where all are two that sum to one."""
    points = [list(alpha_of(row).values()) for row in rows]
    on_a_line = all(not point or sum_to_one(point) for point in points)
    shown = lambda row: list(alpha_of(row).values())[:1 if on_a_line else None]
    text = lambda row, digits: ", ".join(f"{number:.{digits}f}" for number in shown(row)) or "-"
    different = len({tuple(shown(row)) for row in rows})
    # As many digits as tell the points apart.
    digits = next((d for d in (2, 3, 4, 5) if len({text(row, d) for row in rows}) == different), 6)
    return lambda row: text(row, digits)
