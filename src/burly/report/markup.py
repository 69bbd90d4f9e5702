"""Small pieces of HTML that the parts of a page are made of."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence


def escape(text: str) -> str:
    """Return text as HTML; a number stays on the line of its unit."""
    return re.sub(r"(?<=\d) (?=(?:[mu]?s|[kMGTP]?B|[kMGTP])\b)", "\u00a0", html.escape(text))


def tile(name: str, value: str, hint: str) -> str:
    """Return one large figure, between its name and a few words on it."""
    return f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd><dd>{escape(hint)}</dd></div>"


def section(name: str, about: str, content: str) -> str:
    """Return a part of the page under its heading."""
    told = f'<p class="about">{escape(about)}</p>' if about else ""
    return f"<section><h2>{escape(name)}</h2>{told}{content}</section>"


def chart(name: str) -> str:
    """Return the place where a chart is drawn."""
    return f'<div class="chart" data-chart="{escape(name)}"></div>'


def table(names: Sequence[str], rows: Sequence[Sequence[str]], *, total: bool = False) -> str:
    """Return a table whose first column names the rows; ``total``: the last row is one."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = [
        f'<th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        for row in rows
    ]
    kinds = [""] * len(rows)
    if total:
        kinds[-1] = ' class="total"'
    lines = "".join(f"<tr{kind}>{line}</tr>" for kind, line in zip(kinds, body, strict=True))
    return (
        f'<div class="table" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def pairs(named: Sequence[tuple[str, object]]) -> str:
    """Return a list of names and values."""
    items = (f"<div><dt>{escape(n)}</dt><dd>{escape(str(v))}</dd></div>" for n, v in named)
    return f"<dl>{''.join(items)}</dl>"
