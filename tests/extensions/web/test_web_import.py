"""The web client: import of files, and what it hides where extensions are removed."""

import html
import json
import re

import pytest
from flask import Flask
from playwright.sync_api import expect

from taskapi.extensions.web import EXTENSION
from taskapi.extensions.web.routes import OPTIONAL_ROUTES
from tests.surface import needs

TASKS = "/api/v1/tasks"
TABLE = "title,priority,project,labels\nCall,high,Home,calls\n<img src=x onerror=hit()>,,,\n"
WRONG = "title,priority,due_date\nCall,high,\n,wrong,2030\nBuy,low,2030-99-01\n"


def facts(response):
    """Return what the page says about the server."""
    return json.loads(html.unescape(re.search(r'<meta name="server" content="([^"]*)"', response.text)[1]))


def test_page_names_the_optional_routes_that_exist(app, client):
    bare = Flask("bare")
    bare.config["SETTINGS"] = app.config["SETTINGS"]
    EXTENSION.init_app(bare, app.config["SETTINGS"])
    rules = {rule.rule for rule in app.url_map.iter_rules()}
    assert facts(bare.test_client().get("/"))["routes"] == []
    assert facts(client.get("/"))["routes"] == [path for path in OPTIONAL_ROUTES if f"/api/v1{path}" in rules]


def choose(page, name, content):
    """Choose a file on the account page."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Import a file").click()
    chooser.value.set_files({"name": name, "mimeType": "application/octet-stream", "buffer": content.encode("latin-1")})


@pytest.mark.slow
@needs("csv_imports")
def test_csv_is_imported_after_a_confirmation(user, visit):
    page = visit("account")
    choose(page, "My tasks.CSV", TABLE)
    dialog = page.get_by_role("dialog", name="Import “My tasks.CSV”?")
    expect(dialog).to_contain_text("The file adds 2 tasks, 1 project, 1 label.")
    assert user.get(TASKS).json["items"] == []
    dialog.get_by_role("button", name="Cancel").click()
    choose(page, "tasks.csv", TABLE)
    page.get_by_role("dialog").get_by_role("button", name="Import").click()
    expect(page.get_by_role("status").filter(has_text="Imported 2 tasks, 1 project, 1 label.")).to_be_visible()
    expect(page.get_by_role("navigation", name="Lists").get_by_role("link", name="Home")).to_be_visible()
    assert {task["title"] for task in user.get(TASKS).json["items"]} == {"Call", "<img src=x onerror=hit()>"}


@pytest.mark.slow
@needs("csv_imports")
def test_errors_are_shown_by_row(user, visit):
    page = visit("account")
    choose(page, "tasks.csv", WRONG)
    dialog = page.get_by_role("dialog", name="“tasks.csv” cannot be imported")
    errors = dialog.get_by_role("list", name="Errors").get_by_role("listitem")
    expect(errors).to_have_count(2)
    expect(errors.first).to_contain_text("Row 3")
    expect(errors.first).to_contain_text("priority: Must be one of: none, low, medium, high, urgent.")
    expect(errors.last).to_contain_text("Row 4due_date: Must be an existing day.")
    dialog.get_by_role("button", name="Close", exact=True).last.click()
    choose(page, "tasks.json", json.dumps({"tasks": [{"title": "Call"}, 5], "labels": [{"color": "red"}]}))
    dialog = page.get_by_role("dialog", name="“tasks.json” cannot be imported")
    expect(dialog.get_by_role("listitem").filter(has_text="Task 2")).to_have_text("Task 2Invalid input type.")
    expect(dialog.get_by_role("listitem").filter(has_text="Label 1")).to_contain_text("name: Missing data")
    page.keyboard.press("Escape")
    for name, content, text in (
        ("tasks.csv", "name\nCall\n", "“name”Unknown field. The delimiter is the comma."),
        ("tasks.csv", 'title\n"Call', "The body is not CSV"),
        ("tasks.csv", "\x81\x8d", "This is not a text file, or its encoding is unknown. Save it as UTF-8, and import"),
        ("tasks.json", "{", "The body is not valid JSON."),
        ("tasks.json", "[]", "FileInvalid input type."),
    ):
        choose(page, name, content)
        expect(page.get_by_role("dialog")).to_contain_text(text)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    choose(page, "tasks.txt", TABLE)
    expect(page.get_by_role("status").filter(has_text="Choose a file that ends with .csv or")).to_be_visible()
    assert user.get(TASKS).json["items"] == []


@pytest.mark.slow
@needs("csv_imports")
def test_warnings_and_the_recognized_source_are_shown(user, visit):
    page = visit("account")
    choose(page, "tasks.csv", TABLE)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Read as a table, separated by comma.")
    expect(dialog.get_by_role("list", name="Warnings")).to_have_count(0)
    dialog.get_by_role("button", name="Cancel").click()
    choose(page, "tasks.csv", "Title;Team\n" + "x" * 201 + ";A\n")
    dialog = page.get_by_role("dialog", name="“tasks.csv” cannot be imported")
    expect(dialog.get_by_role("listitem")).to_have_text("“Team”Unknown field. The delimiter is the semicolon.")
    dialog.get_by_role("button", name="Ignore unknown columns").click()
    dialog = page.get_by_role("dialog", name="Import “tasks.csv”?")
    expect(dialog).to_contain_text("Read as a table, separated by semicolon.")
    expect(dialog).to_contain_text("Columns that are not imported: Team.")
    warnings = dialog.get_by_role("list", name="Warnings").get_by_role("listitem")
    expect(warnings).to_have_text("Row 2The title was longer than 200 characters. All of it is in the description.")
    dialog.get_by_role("button", name="Import").click()
    expect(page.get_by_role("status").filter(has_text="Imported 1 task. 1 warning.")).to_be_visible()
    assert [len(task["title"]) for task in user.get(TASKS).json["items"]] == [200]


@pytest.mark.slow
@needs("csv_imports")
def test_order_of_day_and_month_is_asked(user, visit):
    page = visit("account")
    choose(page, "tasks.csv", "title,due_date\nCall,1/2/2030\n")
    dialog = page.get_by_role("dialog", name="“tasks.csv” cannot be imported")
    dialog.get_by_role("button", name="Month first (1/31/2030)").click()
    page.get_by_role("dialog", name="Import “tasks.csv”?").get_by_role("button", name="Import").click()
    expect(page.get_by_role("status").filter(has_text="Imported 1 task.")).to_be_visible()
    assert [task["due_date"] for task in user.get(TASKS).json["items"]] == ["2030-01-02"]


@pytest.mark.slow
@needs("csv_applications")
def test_application_of_a_file_is_shown(user, visit):
    page = visit("account")
    choose(page, "Work.csv", "TYPE,CONTENT,PRIORITY,INDENT,AUTHOR,DATE\ntask,Call Ada @home,1,1,Ben,every monday\n")
    dialog = page.get_by_role("dialog", name="Import “Work.csv”?")
    expect(dialog).to_contain_text("Read as a file of Todoist, separated by comma.")
    expect(dialog.get_by_role("list", name="Warnings")).to_contain_text("Due 'every monday' is in the description")


@pytest.mark.slow
@needs("ics_imports")
def test_calendar_is_imported(user, visit):
    page = visit("account")
    todo = "BEGIN:VTODO\r\nSUMMARY:Call Ada\r\nATTACH:a.pdf\r\nEND:VTODO\r\n"
    choose(page, "Reminders.ics", f"BEGIN:VCALENDAR\r\nPRODID:-//Apple Inc.//EN\r\n{todo}END:VCALENDAR\r\n")
    dialog = page.get_by_role("dialog", name="Import “Reminders.ics”?")
    expect(dialog).to_contain_text("Written by -//Apple Inc.//EN.")
    expect(dialog.get_by_role("list", name="Warnings")).to_have_text("Task 1An attachment is not imported.")
    dialog.get_by_role("button", name="Import").click()
    expect(page.get_by_role("status").filter(has_text="Imported 1 task. 1 warning.")).to_be_visible()
    assert [task["title"] for task in user.get(TASKS).json["items"]] == ["Call Ada"]


@pytest.mark.slow
@needs("imports")
def test_lost_response_imports_a_file_once(user, visit, context):
    page = visit("account")
    choose(page, "tasks.json", json.dumps({"tasks": [{"title": "Call"}]}))
    dialog = page.get_by_role("dialog")
    dialog.wait_for()

    def lose(route):
        route.fetch()
        route.abort()

    context.route("**/tasks/import.json", lose, times=1)
    dialog.get_by_role("button", name="Import").click()
    expect(dialog.get_by_role("alert")).to_have_text("The server cannot be reached.")
    dialog.get_by_role("button", name="Import").click()
    expect(page.get_by_role("status").filter(has_text="Imported 1 task.")).to_be_visible()
    assert [task["title"] for task in user.get(TASKS).json["items"]] == ["Call"]


@pytest.mark.slow
def test_missing_routes_are_hidden(signed_in, visit, context, site):
    """The page comes from a server that has all routes, so its list of them is emptied here."""

    def without_routes(route):
        response = route.fetch()
        text = response.text()
        assert "/admin/users" in text
        text = re.sub(r"(routes&#34;: ?\[)[^]]*", r"\1", text)
        route.fulfill(response=response, body=text)

    context.route(f"{site}/", without_routes)
    page = visit("account", who=signed_in("admin"))
    expect(page.get_by_role("heading", name="Password")).to_be_visible()
    for name in ("Import a file", "All data as JSON", "Tasks as CSV"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    expect(page.get_by_role("heading", name="Your data")).to_have_count(0)
    expect(page.get_by_role("link", name="Administration")).to_have_count(0)
