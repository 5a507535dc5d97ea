"""Exports as CSV, which spreadsheets open safely."""

import csv
from io import StringIO

import pytest
from task_files import EXPORT, TASKS, add_examples, add_tasks, export_csv

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"
DANGEROUS = f"{SIGNS}\t\r\n"


def test_csv_export_has_a_header(owner):
    add_examples(owner)
    response = owner.get(f"{EXPORT}.csv")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert response.headers["Content-Disposition"] == 'attachment; filename="tasks.csv"'
    plants, call, _, water = csv.DictReader(StringIO(response.text, newline=""), strict=True)
    assert (plants["project"], plants["labels"], plants["due_date"]) == ("Garden", 'green,"Home, sweet"', "")
    assert (water["parent_id"], water["due_date"], water["status"]) == (plants["id"], "2030-01-31", "done")
    assert call["due_at"] == "2030-01-31T08:00:00.250000Z"
    assert response.text.startswith("id,title,")
    assert response.text.replace("\r\n", "").count("\r") == 0


def test_csv_export_starts_with_a_byte_order_mark_on_request(owner):
    add_examples(owner)
    plain = owner.get(f"{EXPORT}.csv").data
    marked = owner.get(f"{EXPORT}.csv?bom=true")
    assert marked.data == b"\xef\xbb\xbf" + plain
    assert marked.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert owner.get(f"{EXPORT}.csv?bom=false").data == plain
    assert owner.get(f"{EXPORT}.json?bom=true").status_code == 422


@pytest.mark.parametrize("start", [*DANGEROUS])
def test_csv_cell_does_not_begin_a_formula(owner, start):
    row = {"title": "Task", "description": f"{start}cmd|'/c calc'!A1"}
    if start in SIGNS:
        project = owner.post("/api/v1/projects", json={"name": f"{start}1"}).json["id"]
        row |= {"title": f"{start}1+1", "labels": [f"{start}1"], "project_id": project}
    assert owner.post(TASKS, json=row).status_code == 201
    for cells in csv.reader(StringIO(export_csv(owner), newline="")):
        assert not [cell for cell in cells if cell[:1] and cell[0] in DANGEROUS]


@pytest.mark.parametrize(
    "text",
    [
        'a;=HYPERLINK("https://example.org")', "a;-1;+2;@b", 'a;"=1"', "a;''=1", '"=1', "a\t=1", "a\n=1\n\n- b", ";=",
        "a;b;'c", "it's; 'fine'", "a;\uff1d1", "x\n\ny", "\t=1\t=2",
    ],
)  # fmt: skip
def test_csv_cell_begins_no_formula_at_semicolons_or_tabs(owner, text):
    """A program that splits a line of the file at `;` or tabs, whatever it does with quotes, finds no formula."""
    line = text.replace("\n", " ")
    add_tasks(owner, [{"title": line, "description": text, "labels": [line]}])
    file = export_csv(owner)
    for delimiter in ";\t":
        cells = [cell for row in csv.reader(StringIO(file, newline=""), delimiter=delimiter) for cell in row]
        cells += [cell for line in file.splitlines() for cell in line.split(delimiter)]
        assert not [cell for cell in cells if cell.lstrip('"')[:1] in set(SIGNS)]
