"""Imports of CSV."""

from io import BytesIO

import pytest
from task_files import IMPORT, IMPORT_CSV, counts, import_csv, list_tasks, row_errors
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart


@pytest.mark.parametrize(
    ("cell", "title"),
    [("'=1", "=1"), ("''=1", "'=1"), ("'a", "'a"), ("'", "'"), ("''", "''"), ("=1", "=1"), ("-", "-"), ("'@", "@")],
)
def test_csv_import_removes_an_apostrophe_only_before_a_formula(owner, cell, title):
    import_csv(owner, f"title\r\n{cell}\r\n")
    assert list_tasks(owner)[0]["title"] == title


def test_csv_import_accepts_a_file_of_a_spreadsheet(owner):
    text = (
        "\ufefftitle,labels,description,due_date,,\r\n"
        'Water the plants,"home, garden,,""a, b""","first line\r\nsecond ""line""",2030-01-31,,\r\n'
        ",,,,,\r\n"
        "\r\n"
        "Milk\r\n"
        "'Til later,home,,,,\r\n"
    )
    assert counts(import_csv(owner, text)) == {"created": 3, "projects": 0, "labels": 3, "dry_run": False}
    plants, milk, later = list_tasks(owner)
    assert plants["labels"] == ["a, b", "garden", "home"]
    assert (plants["description"], plants["due_date"]) == ('first line\nsecond "line"', "2030-01-31")
    assert (milk["title"], milk["labels"], milk["status"]) == ("Milk", [], "todo")
    assert (later["title"], later["labels"]) == ("'Til later", ["home"])


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_csv_import_accepts_every_kind_of_line_break(owner, end):
    import_csv(owner, end.join(["title,status", "a,todo", "b,done"]))
    assert [task["title"] for task in list_tasks(owner)] == ["a", "b"]


@pytest.mark.parametrize(
    ("header", "errors"),
    [
        ("title,colour", {"colour": ["Unknown field. The delimiter is the comma."]}),
        ("title;colour", {"colour": ["Unknown field. The delimiter is the semicolon."]}),
        ("title,version", {"version": ["Unknown field. The delimiter is the comma."]}),
        ("Title,title", {"Title": ["Given more than once."], "title": ["Given more than once."]}),
        ("title,status,status", {"status": ["Given more than once."]}),
        ("status", {"title": ["Missing data for required field. The delimiter is the comma."]}),
        ("", {"title": ["Missing data for required field. The delimiter is the comma."]}),
        ("status\tproject", {"title": ["Missing data for required field. The delimiter is the tab."]}),
    ],
)
def test_invalid_csv_header_is_reported_by_name(owner, header, errors):
    assert row_errors(import_csv(owner, f"{header}\r\nx,y\r\n")) == errors


@pytest.mark.parametrize(
    ("header", "cells", "field"),
    [
        ("title,status", ",todo", "title"), ("title,status", "x,open", "status"), ("title", "a\0b", "title"),
        ("title,due_date", "x,31.02.2030", "due_date"), ("title,due_at", "x,2030-01-31 25:00", "due_at"),
        ("title,labels", 'x,"""a"', "labels"), ("title,labels", 'x,"a\nb"', "labels"),
        ("title,project", 'x,"a\nb"', "project"),
        ("title,parent_id", "x,7", "parent_id"), ("title", "x,y", ""),
        ("title,completed_at", "x,2030-01-31T09:00:00Z", "completed_at"),
        ("title,labels", "x," + '"' + ",".join(str(i) for i in range(21)) + '"', "labels"),
        ("title,description", "x," + "y" * 20_001, "description"),
    ],
)  # fmt: skip
def test_invalid_csv_row_is_reported_by_index_and_field(owner, header, cells, field):
    fine = "fine" + "," * header.count(",")
    response = import_csv(owner, f"{header}\r\n{fine}\r\n\r\n{cells}\r\n")
    assert [*row_errors(response)] == ["1"]
    assert [*row_errors(response)["1"]] == [field]
    assert [*response.json["errors"]] == ["csv"]
    assert list_tasks(owner) == []


@pytest.mark.parametrize(
    "body",
    [
        b"title\r\nCr\x81me\r\n", "title\r\nMilk\r\n".encode("utf-16")[:-1], b"\xef\xbb\xbftitle\r\n\xed\xa0\x80\r\n",
        b'title\r\n"Milk\r\n', b'title\r\n"Mi"lk\r\n', b"title\r\n" + b"x" * 140_000,
        b'"title\r\nMilk',
    ],
    ids=[
        "neither UTF-8 nor Windows-1252", "half a character", "a surrogate",
        "an open quote", "text behind a quote", "a huge cell", "an open header",
    ],
)  # fmt: skip
def test_malformed_csv_is_400(owner, body):
    response = import_csv(owner, body)
    assert (response.status_code, response.json["code"]) == (400, "malformed_csv")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "text/calendar", "text/csv; charset=latin-1", "text/csv; charset=utf-16", "application/csv", ""],
)
def test_csv_with_another_content_type_is_415(owner, content_type):
    response = import_csv(owner, "title\r\nMilk\r\n", content_type)
    assert (response.status_code, response.json["code"]) == (415, "unsupported_media_type")


@pytest.mark.slow
def test_csv_with_too_many_rows_is_rejected(owner):
    assert [*row_errors(import_csv(owner, "title\r\n" + "x\r\n" * 20_001))] == ["tasks"]


def test_csv_with_too_many_columns_reports_the_first_hundred(owner):
    assert len(row_errors(import_csv(owner, ",".join(f"c{i}" for i in range(70_000))))) == 100


def test_csv_dry_run_stores_nothing(owner):
    dry = import_csv(owner, "title\r\nMilk\r\n", dry_run="true")
    assert counts(dry) == {"created": 1, "projects": 0, "labels": 0, "dry_run": True}
    assert list_tasks(owner) == []


def form(*files, **values):
    """Return the options of a request with a form."""
    kind = "application/vnd.ms-excel"
    parts = {name: FileStorage(BytesIO(text), f"{name}.csv", name, content_type=kind) for name, text in files}
    boundary, body = encode_multipart({**values, **parts})  # the test client would leave a temporary file open
    return {"data": body, "content_type": f"multipart/form-data; boundary={boundary}"}


def test_csv_can_be_the_file_of_a_form(owner):
    text = "\ufefftitle,project\r\nMilk,Shop\r\nBread,Shop\r\n".encode()
    response = owner.post(IMPORT_CSV, **form(("file", text)))
    assert counts(response) == ({"created": 2, "projects": 1, "labels": 0, "dry_run": False})
    assert [task["title"] for task in list_tasks(owner)] == ["Milk", "Bread"]
    bad = owner.post(IMPORT_CSV, **form(("upload", b"title,status\r\nx,open\r\n")))
    assert [*row_errors(bad)] == ["0"]
    assert [*bad.json["errors"]] == ["csv"]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (form(), "file"),
        (form(("a", b"title\nx\n"), ("b", b"title\nx\n")), "file"),
        (form(("file", b"title\nx\n"), dry_run="true"), "dry_run"),
    ],
)
def test_form_without_exactly_one_file_is_rejected(owner, options, name):
    response = owner.post(IMPORT_CSV, **options)
    assert (response.status_code, [*response.json["errors"]["form"]]) == (422, [name])
    assert list_tasks(owner) == []


def test_incomplete_form_is_400_and_too_large_form_is_413(owner):
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\ntitle\r\nMilk\r\n'
    cut = owner.post(IMPORT_CSV, data=head, content_type="multipart/form-data; boundary=x")
    assert (cut.status_code, cut.json["code"]) == (400, "malformed_request")
    without = owner.post(IMPORT_CSV, data=head, content_type="multipart/form-data")
    assert (without.status_code, without.json["code"]) == (400, "malformed_request")
    large = owner.post(IMPORT_CSV, **form(("file", b" " * (16 * 1024 * 1024 + 1))))
    assert (large.status_code, large.json["code"]) == (413, "body_too_large")
    assert list_tasks(owner) == []


def test_import_of_the_other_format_is_415(owner):
    for url, content_type in ((IMPORT, "text/csv"), (IMPORT, "multipart/form-data"), (IMPORT_CSV, "application/json")):
        response = owner.post(url, data=b"title\r\nMilk\r\n", content_type=content_type)
        assert (response.status_code, response.json["code"]) == (415, "unsupported_media_type")


def test_too_long_csv_row_is_400(owner):
    cell = '"' + "line of text\r\n" * 9000 + '"'
    for row in ("," * 600_000, ",".join([cell] * 6)):
        response = import_csv(owner, f"title\r\n{row}\r\n")
        assert (response.status_code, response.json["code"]) == (400, "malformed_csv")
