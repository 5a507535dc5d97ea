"""CSV as spreadsheets write it: delimiters, encodings, dates, and titles that are too long."""

import pytest
from task_files import IMPORT_CSV, counts, import_csv, list_tasks, row_errors

ROWS = [["Title", "Due Date", "LABELS"], ["Möbel kaufen", "31.01.2030", "home"], ["Call", "", ""]]

MILK = "\u041c\u043e\u043b\u043e\u043a\u043e"  # in Russian
AMBIGUOUS = "May be a day of two months: send date_order=dmy (day first) or date_order=mdy (month first)."


def table(rows, delimiter=",", end="\r\n"):
    return end.join(delimiter.join(row) for row in rows) + end


def source(response):
    assert response.status_code == 200, response.text
    return response.json["source"]


def due(owner, cell, column="due_date", **query):
    """Import a task with this cell, and return its due date."""
    response = import_csv(owner, f'title,{column}\r\nx,"{cell}"\r\n', **query)
    assert response.status_code == 200, response.text
    [task] = list_tasks(owner)
    return task["due_date"] or task["due_at"]


@pytest.mark.parametrize(("delimiter", "name"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "pipe")])
def test_delimiter_is_detected(owner, delimiter, name):
    response = import_csv(owner, table(ROWS, delimiter))
    assert source(response) == {
        "application": "table",
        "delimiter": name,
        "encoding": "utf-8",
        "columns": {"Title": "title", "Due Date": "due_date", "LABELS": "labels"},
        "ignored_columns": [],
    }
    assert (response.json["warnings"], response.json["warning_count"]) == ([], 0)
    furniture, call = list_tasks(owner)
    assert (furniture["title"], furniture["due_date"], furniture["labels"]) == ("Möbel kaufen", "2030-01-31", ["home"])
    assert (call["title"], call["labels"]) == ("Call", [])


def test_delimiter_fits_the_header_not_the_cells(owner):
    import_csv(owner, "title;description\r\na,b,c,d;e,f,g\r\n")
    assert [(task["title"], task["description"]) for task in list_tasks(owner)] == [("a,b,c,d", "e,f,g")]
    import_csv(owner, 'title\r\n"a;b;c"\r\n')
    assert list_tasks(owner)[-1]["title"] == "a;b;c"


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "sep=; "])
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_line_sep_states_the_delimiter(owner, line, end):
    text = f"{line}{end}" + table([["title", "a,b"], ["x", "y"]], ";", end)
    assert row_errors(import_csv(owner, text)) == {"a,b": ["Unknown field. The delimiter is the semicolon."]}
    assert source(import_csv(owner, f"{line}{end}" + table(ROWS, ";", end)))["delimiter"] == "semicolon"
    assert [task["title"] for task in list_tasks(owner)] == ["Möbel kaufen", "Call"]


def test_unusual_line_sep_is_rejected(owner):
    response = import_csv(owner, "sep=x\r\ntitlexlabels\r\n")
    assert (response.status_code, response.json["code"]) == (400, "malformed_csv")
    assert "sep=" in response.json["detail"]


def test_stated_delimiter_is_used(owner):
    assert source(import_csv(owner, table(ROWS, ";"), delimiter="semicolon"))["delimiter"] == "semicolon"
    errors = row_errors(import_csv(owner, table(ROWS, ";"), delimiter="comma"))
    assert errors["title"] == ["Missing data for required field. The delimiter is the comma."]
    bad = import_csv(owner, 'title;labels\r\n"x;y\r\n', delimiter="semicolon")
    assert (bad.status_code, bad.json["code"]) == (400, "malformed_csv")
    assert "The delimiter is the semicolon." in bad.json["detail"]
    assert import_csv(owner, "title\r\nx\r\n", delimiter=";").status_code == 422


@pytest.mark.parametrize(
    ("codec", "name", "query"),
    [
        ("utf-8", "utf-8", {}), ("utf-8-sig", "utf-8", {}), ("utf-16", "utf-16", {}), ("cp1252", "windows-1252", {}),
        ("utf-16", "utf-16", {"encoding": "utf-8"}), ("cp1250", "windows-1250", {"encoding": "windows-1250"}),
        ("utf-8-sig", "utf-8", {"encoding": "windows-1252"}),
    ],
)  # fmt: skip
def test_encoding_is_detected_or_stated(owner, codec, name, query):
    response = import_csv(owner, table(ROWS, ";").encode(codec), **query)
    assert source(response)["encoding"] == name
    assert [task["title"] for task in list_tasks(owner)] == ["Möbel kaufen", "Call"]
    warned = [warning["message"].partition(",")[0] for warning in response.json["warnings"]]
    assert warned == (["The file is not UTF-8"] if codec == "cp1252" else [])


def test_utf_16_with_the_other_byte_order(owner):
    import_csv(owner, "\ufeff".encode("utf-16-be") + table(ROWS, "\t").encode("utf-16-be"))
    assert [task["title"] for task in list_tasks(owner)] == ["Möbel kaufen", "Call"]


def test_cyrillic_needs_its_encoding(owner):
    text = f"title\r\n{MILK}\r\n".encode("cp1251")
    import_csv(owner, text, encoding="windows-1251")
    assert [task["title"] for task in list_tasks(owner)] == [MILK]
    wrong = import_csv(owner, text, encoding="utf-8")
    assert (wrong.status_code, wrong.json["code"]) == (400, "malformed_csv")
    assert wrong.json["detail"].startswith("The body is not utf-8.")


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"])
def test_workbook_is_rejected_with_advice(owner, start):
    response = import_csv(owner, start + b"\0" * 100, "application/vnd.ms-excel")
    assert (response.status_code, response.json["code"]) == (400, "malformed_csv")
    assert "workbook" in response.json["detail"]


@pytest.mark.parametrize(
    "content_type", ["application/vnd.ms-excel", "text/tab-separated-values", "Text/CSV; charset=UTF-8; header=present"]
)
def test_other_content_types_of_csv(owner, content_type):
    assert counts(import_csv(owner, table(ROWS, "\t"), content_type))["created"] == 2


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("31.01.2030", "2030-01-31"), ("1.2.2030", "2030-02-01"), ("1. 2. 2030", "2030-02-01"),
        ("2030-01-31", "2030-01-31"), ("2030/1/31", "2030-01-31"), ("2030-01-31 00:00:00", "2030-01-31"),
        ("1/31/2030", "2030-01-31"), ("31/1/2030", "2030-01-31"), ("3/3/2030", "2030-03-03"),
        ("31-01-2030", "2030-01-31"), ("Jan 31, 2030", "2030-01-31"), ("31 January 2030", "2030-01-31"),
        ("31.01.2030 09:30", "2030-01-31T08:30:00Z"), ("31.07.2030 09:30", "2030-07-31T07:30:00Z"),
        ("1/31/2030 9:30 PM", "2030-01-31T20:30:00Z"), ("1/31/2030 12:00 am", "2030-01-31"),
        ("2030-01-31T09:30:00+0000", "2030-01-31T09:30:00Z"), ("2030-01-31T09:30:00.5Z", "2030-01-31T09:30:00.500000Z"),
    ],
)  # fmt: skip
def test_dates_of_spreadsheets(owner, cell, expected):
    owner.patch("/api/v1/me", json={"timezone": "Europe/Berlin"})
    assert due(owner, cell) == expected


@pytest.mark.parametrize(("order", "expected"), [("dmy", "2030-02-01"), ("mdy", "2030-01-02")])
def test_stated_order_of_day_and_month(owner, order, expected):
    assert due(owner, "1/2/2030", date_order=order) == expected


@pytest.mark.parametrize(
    ("cell", "query", "message"),
    [
        ("1/2/2030", {}, AMBIGUOUS),
        ("31/1/2030", {"date_order": "mdy"}, "Must be an existing day and time."),
        ("31.02.2030", {}, "Must be an existing day and time."), ("31.01.30", {}, "Must have a year of four digits."),
        ("1/2/30", {"date_order": "dmy"}, "Must have a year of four digits."),
        ("31.01.2030 24:00", {}, "Must be an existing day and time."),
        ("31.01.2030 13:00 PM", {}, "Must be an existing day and time."),
        ("31.01.2030 09:00 +09:99", {}, "Must be an existing day and time."),
        ("47514", {}, "Must be a day, such as 2030-01-31."), ("soon", {}, "Must be a day, such as 2030-01-31."),
        ("31.01.1969", {}, "Must be between 1970 and 9999."),
    ],
)  # fmt: skip
def test_date_is_never_guessed(owner, cell, query, message):
    errors = row_errors(import_csv(owner, f"title;due_date\r\nfine;\r\nx;{cell}\r\n", **query))
    assert [*errors] == ["1"]
    assert errors["1"] == {"due_date": [message]}
    assert list_tasks(owner) == []


def test_time_without_an_offset_is_in_the_zone_of_the_account(owner):
    owner.patch("/api/v1/me", json={"timezone": "America/New_York"})
    rows = [["title", "due_at", "status", "completed_at"], *[["x", "31.01.2030 09:00", "Done", "30.01.2030"]] * 3]
    response = import_csv(owner, table(rows, ";"))
    assert [warning["row"] for warning in response.json["warnings"]] == [None]
    assert "America/New_York" in response.json["warnings"][0]["message"]
    task = list_tasks(owner)[0]
    assert (task["due_at"], task["completed_at"]) == ("2030-01-31T14:00:00Z", "2030-01-30T05:00:00Z")


def test_status_and_priority_in_any_case(owner):
    import_csv(owner, "Title,STATUS,Priority\r\nx,In Progress,HIGH\r\n")
    [task] = list_tasks(owner)
    assert (task["status"], task["priority"]) == ("in_progress", "high")


def test_unknown_columns_are_ignored_on_request(owner):
    text = "Title,Owner,Owner,Team\r\nx,Ada,Ben,1\r\n"
    assert sorted(row_errors(import_csv(owner, text))) == ["Owner", "Team"]
    response = import_csv(owner, text, ignore_unknown="true")
    assert source(response)["ignored_columns"] == ["Owner", "Owner", "Team"]
    assert [task["title"] for task in list_tasks(owner)] == ["x"]
    assert [*row_errors(import_csv(owner, "Title\r\nx,y\r\n", ignore_unknown="true"))["0"]] == [""]


def test_long_titles_continue_in_the_description(owner):
    long = "word " * 60
    rows = [["title", "description"], ["fine", ""], [long, "More."], ['"one\ntwo"', ""], ["y" * 200, ""]]
    response = import_csv(owner, table(rows), dry_run="true")
    assert [(warning["row"], warning["message"]) for warning in response.json["warnings"]] == [
        (1, "The title was longer than 200 characters. All of it is in the description."),
        (2, "The title was of several lines. All of it is in the description."),
    ]
    assert list_tasks(owner) == []
    assert import_csv(owner, table(rows)).json["warning_count"] == 2
    fine, cut, lines, whole = list_tasks(owner)
    assert (fine["description"], whole["description"], whole["title"]) == ("", "", "y" * 200)
    assert cut["title"] == ("word " * 60)[:199].rstrip() + "…"
    assert cut["description"] == f"{long.strip()}\n\nMore."
    assert (lines["title"], lines["description"]) == ("one", "one\ntwo")


def test_warnings_are_counted_and_the_first_hundred_listed(owner):
    response = import_csv(owner, "title\r\n" + ("x" * 201 + "\r\n") * 150)
    assert (len(response.json["warnings"]), response.json["warning_count"]) == (100, 150)
    assert response.json["warnings"][-1]["row"] == 99


def test_title_that_is_too_long_for_a_description_is_rejected(owner):
    assert [*row_errors(import_csv(owner, f"title\r\n{'x' * 20_001}\r\n"))["0"]] == ["description"]


def test_key_is_bound_to_the_options(owner):
    options = {"data": b"title;due_date\r\nx;1/2/2030\r\n", "content_type": "text/csv"}
    headers = {"Idempotency-Key": "k-1"}
    first = owner.post(f"{IMPORT_CSV}?date_order=dmy", headers=headers, **options)
    again = owner.post(f"{IMPORT_CSV}?date_order=dmy", headers=headers, **options)
    assert (first.status_code, again.json) == (200, first.json)
    other = owner.post(f"{IMPORT_CSV}?date_order=mdy", headers=headers, **options)
    assert other.json["code"] == "idempotency_key_reused"
    assert len(list_tasks(owner)) == 1
