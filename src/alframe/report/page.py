"""A report as one HTML page."""

import html

from alframe.report.content import Picture, Report, Section, Table


def page(report: Report) -> str:
    """Return a self-contained HTML document."""
    facts = "".join(f"<li>{_text(name)}: {_text(value)}</li>" for name, value in report.facts)
    warnings = "".join(f"<p><strong>{_text(each)}</strong></p>" for each in report.warnings)
    return (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{_text(report.title)}</title></head><body><h1>{_text(report.title)}</h1><ul>{facts}</ul>"
        f"{warnings}{''.join(map(_section, report.sections))}</body></html>\n"
    )


def _section(section: Section) -> str:
    parts = "".join(_table(each) if isinstance(each, Table) else _picture(each) for each in section.parts)
    return f"<section><h2>{_text(section.title)}</h2><p>{_text(section.text)}</p>{parts}</section>\n"


def _table(table: Table) -> str:
    head = "".join(f"<th>{_text(cell)}</th>" for cell in table.head)
    rows = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    return f"<h3>{_text(table.title)}</h3><table><tr>{head}</tr>{rows}</table><p>{_text(table.note)}</p>"


def _picture(picture: Picture) -> str:
    svg = picture.svg[picture.svg.find("<svg") :]
    return (
        f"<figure role='img' aria-label='{_text(picture.description)}'><figcaption>{_text(picture.title)}"
        f"</figcaption>{svg}<p>{_text(picture.note)}</p></figure>"
    )


def _text(text: str) -> str:
    return html.escape(text)
