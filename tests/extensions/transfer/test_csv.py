"""Tasks as CSV: to a spreadsheet and back."""

import csv
from io import BytesIO, StringIO

import pytest
from exchanging import EXPORT, IMPORT, IMPORT_CSV, bring, bring_csv, exported, faults, live, meaning, table
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

DANGEROUS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"


def test_a_table_is_csv_with_a_header(owner):
    live(owner)
    answer = owner.get(f"{EXPORT}.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="tasks.csv"'
    plants, water, call, _ = csv.DictReader(StringIO(answer.text, newline=""), strict=True)
    assert (plants["project"], plants["labels"], plants["due_date"]) == ("Garden", 'green,"Home, sweet"', "")
    assert (water["parent_id"], water["due_date"], water["status"]) == (plants["id"], "2030-01-31", "done")
    assert call["due_at"] == "2030-01-31T08:00:00.250000Z"
    assert answer.text.startswith("id,title,")
    assert answer.text.replace("\r\n", "").count("\r") == 0


def test_a_table_brought_in_is_the_same_for_another_person(owner, other):
    live(owner)
    answer = bring_csv(other, table(owner), "text/csv; charset=UTF-8; header=present")
    assert answer.json == {"created": 4, "projects": 1, "labels": 2, "dry_run": False}
    assert meaning(exported(other)) == meaning(exported(owner))


@pytest.mark.parametrize("start", [*DANGEROUS])
def test_no_cell_of_a_table_begins_a_formula(owner, start):
    row = {"title": f"a{start}1", "description": f"{start}cmd|'/c calc'!A1", "project": "P", "labels": ["L"]}
    if not start.isspace():
        row |= {"title": f"{start}1+1", "labels": [f"{start}1"], "project": f"{start}1", "id": f"{start}1"}
    if start != "\r":
        bring(owner, [row])
    for cells in csv.reader(StringIO(table(owner), newline="")):
        assert not [cell for cell in cells if cell[:1] and cell[0] in DANGEROUS]


SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"


@pytest.mark.parametrize(
    "text",
    [
        'a;=HYPERLINK("https://example.org")', "a;-1;+2;@b", 'a;"=1"', "a;''=1", '"=1', "a\t=1", "a\n=1\n\n- b", ";=",
        "a;b;'c", "it's; 'fine'", "a;\uff1d1", "x\n\ny", "\t=1\t=2",
    ],
)  # fmt: skip
def test_no_cell_begins_a_formula_where_semicolons_or_tabs_separate(owner, other, text):
    """A program that splits a line of the file at `;` or tabs, whatever it does with quotes, finds no formula."""
    row = {"title": text if "\n" not in text else "x", "description": text, "labels": [text[:50].replace("\n", " ")]}
    assert bring(owner, [row]).status_code == 200
    text_of_file = table(owner)
    for delimiter in ";\t":
        for reader in (csv.reader(StringIO(text_of_file, newline=""), delimiter=delimiter),):
            assert not [cell for cells in reader for cell in cells if cell.lstrip('"')[:1] in set(SIGNS)]
        for line in text_of_file.splitlines():
            assert not [cell for cell in line.split(delimiter) if cell.lstrip('"')[:1] in set(SIGNS)]
    assert bring_csv(other, text_of_file).status_code == 200
    assert meaning(exported(other)) == meaning(exported(owner))


@pytest.mark.parametrize(
    ("cell", "title"),
    [("'=1", "=1"), ("''=1", "'=1"), ("'a", "'a"), ("'", "'"), ("''", "''"), ("=1", "=1"), ("-", "-"), ("'@", "@")],
)
def test_only_an_apostrophe_before_a_formula_is_taken_off(owner, cell, title):
    bring_csv(owner, f"title\r\n{cell}\r\n")
    assert exported(owner)[0]["title"] == title


def test_a_table_from_a_spreadsheet_is_taken(owner):
    text = (
        "\ufefftitle,labels,description,due_date,,\r\n"
        'Water the plants,"home, garden,,""a, b""","first line\r\nsecond ""line""",2030-01-31,,\r\n'
        ",,,,,\r\n"
        "\r\n"
        "Milk\r\n"
        "'Til later,home,,,,\r\n"
    )
    assert bring_csv(owner, text).json == {"created": 3, "projects": 0, "labels": 3, "dry_run": False}
    plants, milk, later = exported(owner)
    assert plants["labels"] == ["a, b", "garden", "home"]
    assert (plants["description"], plants["due_date"]) == ('first line\nsecond "line"', "2030-01-31")
    assert (milk["title"], milk["labels"], milk["status"]) == ("Milk", [], "todo")
    assert (later["title"], later["labels"]) == ("'Til later", ["home"])


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_line_of_a_table_ends_as_it_likes(owner, end):
    bring_csv(owner, end.join(["title,status", "a,todo", "b,done"]))
    assert [task["title"] for task in exported(owner)] == ["a", "b"]


@pytest.mark.parametrize(
    ("header", "errors"),
    [
        ("title,colour", {"colour": ["Unknown field."]}),
        ("title,version", {"version": ["Unknown field."]}),
        ("Title", {"Title": ["Unknown field."], "title": ["Missing data for required field."]}),
        ("title,status,status", {"status": ["Given more than once."]}),
        ("status", {"title": ["Missing data for required field."]}),
        ("", {"title": ["Missing data for required field."]}),
        ("title;status", {"title;status": ["Unknown field."], "title": ["Missing data for required field."]}),
    ],
)
def test_a_bad_header_is_told_by_its_names(owner, header, errors):
    assert faults(bring_csv(owner, f"{header}\r\nx,y\r\n")) == errors


@pytest.mark.parametrize(
    ("header", "cells", "field"),
    [
        ("title,status", ",todo", "title"), ("title,status", "x,open", "status"), ("title", "a\0b", "title"),
        ("title,due_date", "x,31.01.2030", "due_date"), ("title,due_at", "x,2030-01-31 09:00", "due_at"),
        ("title,labels", 'x,"""a"', "labels"), ("title,labels", 'x,"a\nb"', "labels"), ("title", '"a\nb"', "title"),
        ("title,parent_id", "x,7", "parent_id"), ("title", "x,y", ""),
        ("title,completed_at", "x,2030-01-31T09:00:00Z", "completed_at"),
        ("title,labels", "x," + '"' + ",".join(str(i) for i in range(21)) + '"', "labels"),
        ("title,description", "x," + "y" * 20_001, "description"),
    ],
)  # fmt: skip
def test_a_bad_row_of_a_table_is_told_by_its_place_and_its_field(owner, header, cells, field):
    fine = "fine" + "," * header.count(",")
    answer = bring_csv(owner, f"{header}\r\n{fine}\r\n\r\n{cells}\r\n")
    assert [*faults(answer)] == ["1"]
    assert [*faults(answer)["1"]] == [field]
    assert [*answer.json["errors"]] == ["csv"]
    assert exported(owner) == []


@pytest.mark.parametrize(
    "body",
    [
        b"title\r\nCr\xe8me\r\n", "title\r\nMilk\r\n".encode("utf-16"), b"title\r\n\xed\xa0\x80\r\n",
        b'title\r\n"Milk\r\n', b'title\r\n"Mi"lk\r\n', b"title\r\n" + b"x" * 140_000,
        b'"title\r\nMilk',
    ],
    ids=["latin-1", "utf-16", "a surrogate", "an open quote", "text behind a quote", "a huge cell", "an open header"],
)  # fmt: skip
def test_what_is_no_csv_is_400(owner, body):
    answer = bring_csv(owner, body)
    assert (answer.status_code, answer.json["code"]) == (400, "malformed_csv")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "text/calendar", "text/csv; charset=latin-1", "text/csv; charset=utf-16", "application/csv", ""],
)
def test_a_table_of_another_type_is_415(owner, content_type):
    answer = bring_csv(owner, "title\r\nMilk\r\n", content_type)
    assert (answer.status_code, answer.json["code"]) == (415, "unsupported_media_type")


def test_a_table_of_too_many_rows_is_refused(owner):
    assert [*faults(bring_csv(owner, "title\r\n" + "x\r\n" * 20_001))] == ["tasks"]


def test_a_table_of_very_many_columns_is_refused_at_once(owner):
    assert len(faults(bring_csv(owner, ",".join(f"c{i}" for i in range(70_000))))) == 100


def test_a_table_can_be_tried(owner):
    dry = bring_csv(owner, "title\r\nMilk\r\n", dry_run="true")
    assert dry.json == {"created": 1, "projects": 0, "labels": 0, "dry_run": True}
    assert exported(owner) == []


def form(*files, **values):
    """Return the options of a request with a form."""
    kind = "application/vnd.ms-excel"
    parts = {name: FileStorage(BytesIO(text), f"{name}.csv", name, content_type=kind) for name, text in files}
    boundary, body = encode_multipart({**values, **parts})  # the test client would leave a temporary file open
    return {"data": body, "content_type": f"multipart/form-data; boundary={boundary}"}


def test_a_table_comes_as_the_one_file_of_a_form(owner):
    text = "\ufefftitle,project\r\nMilk,Shop\r\nBread,Shop\r\n".encode()
    answer = owner.post(IMPORT_CSV, **form(("file", text)))
    assert (answer.status_code, answer.json) == (200, {"created": 2, "projects": 1, "labels": 0, "dry_run": False})
    assert [task["title"] for task in exported(owner)] == ["Milk", "Bread"]
    bad = owner.post(IMPORT_CSV, **form(("upload", b"title,status\r\nx,open\r\n")))
    assert [*faults(bad)] == ["0"]
    assert [*bad.json["errors"]] == ["csv"]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (form(), "file"),
        (form(("a", b"title\nx\n"), ("b", b"title\nx\n")), "file"),
        (form(("file", b"title\nx\n"), dry_run="true"), "dry_run"),
    ],
)
def test_a_form_with_anything_but_one_file_is_refused(owner, options, name):
    answer = owner.post(IMPORT_CSV, **options)
    assert (answer.status_code, [*answer.json["errors"]["form"]]) == (422, [name])
    assert exported(owner) == []


def test_a_form_that_breaks_off_is_400_and_one_that_is_too_large_413(owner):
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\ntitle\r\nMilk\r\n'
    cut = owner.post(IMPORT_CSV, data=head, content_type="multipart/form-data; boundary=x")
    assert (cut.status_code, cut.json["code"]) == (400, "malformed_request")
    without = owner.post(IMPORT_CSV, data=head, content_type="multipart/form-data")
    assert (without.status_code, without.json["code"]) == (400, "malformed_request")
    large = owner.post(IMPORT_CSV, **form(("file", b" " * (16 * 1024 * 1024 + 1))))
    assert (large.status_code, large.json["code"]) == (413, "body_too_large")
    assert exported(owner) == []


def test_json_takes_no_table_and_a_table_no_json(owner):
    for url, content_type in ((IMPORT, "text/csv"), (IMPORT, "multipart/form-data"), (IMPORT_CSV, "application/json")):
        answer = owner.post(url, data=b"title\r\nMilk\r\n", content_type=content_type)
        assert (answer.status_code, answer.json["code"]) == (415, "unsupported_media_type")


def test_a_row_of_too_many_characters_is_400(owner):
    cell = '"' + "line of text\r\n" * 9000 + '"'
    for row in ("," * 600_000, ",".join([cell] * 6)):
        answer = bring_csv(owner, f"title\r\n{row}\r\n")
        assert (answer.status_code, answer.json["code"]) == (400, "malformed_csv")
