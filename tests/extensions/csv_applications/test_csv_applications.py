"""CSV files of other applications, written by hand in their documented formats."""

import pytest
from surface import needs
from task_files import counts, import_csv, list_tasks, row_errors

TODOIST = """\
TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE,DURATION,DURATION_UNIT,DEADLINE
section,Planning,,,,,,,,,,,
task,Draft the roadmap @work @next,The big rocks,1,1,Ada (1),,every friday,en,Europe/Berlin,45,minute,2030-08-01
note,Remember the hiring plan,,,,Ada (1),,2029-07-10T14:03:22Z,,,,,
note,And the budget,,,,Ada (1),,,,,,,
task,Ask everybody,,4,2,Ada (1),,2030-07-22 15:00,en,Europe/Berlin,,,
task,Write to a@example.org,,3,3,Ada (1),,2030-07-22,en,,,,
,,,,,,,,,,,,
section,Later,,,,,,,,,,,
task,Water the plants,,2,1,Ada (1),,Jul 22,en,,,,
"""
TICKTICK = """\
\ufeff"Date: 2029-11-25+0000"
"Version: 7.1"
"Status:
0 Normal
1 Completed
2 Archived"
"Folder Name","List Name","Title","Kind","Tags","Content","Is Check list","Start Date","Due Date","Reminder","Repeat",\
"Priority","Status","Created Time","Completed Time","Order","Timezone","Is All Day","Is Floating","Column Name",\
"Column Order","View Mode","taskId","parentId"
"Work","Alpha","Child","TEXT","","","N","","","","","0","0","2029-10-09T15:09:48+0000","","-2","Europe/Berlin",\
"false","false",,,"list","2","1"
"Work","Alpha","Call
the office","TEXT","urgent, work","Ask for Ben.

Not for Carl.","N","2030-01-30T23:00:00+0000","2030-01-30T23:00:00+0000","","","5","0","2029-10-09T15:09:48+0000","",\
"-1","Europe/Berlin","true","false","Doing",,"kanban","1",""
"","Inbox","Sign","TEXT","","","N","2030-01-31T08:30:00+0000","2030-01-31T08:30:00+0000","","RRULE:FREQ=HOURLY","3","2",\
"2029-10-09T15:09:48+0000","2029-10-10T10:00:00+0000","-1","Europe/Berlin","false","false",,,"list","3","9"
"""
ASANA = """\
Task ID,Created At,Completed At,Last Modified,Name,Section/Column,Assignee,Assignee Email,Start Date,Due Date,Tags,\
Notes,Projects,Parent task,Blocked By (Dependencies),Blocking (Dependencies),Estimate
111,2029-09-01,,2029-09-02,Launch the site,Build,Ada,ada@example.org,2030-09-20,2030-10-15,"Design,Q4","Line one
Line two, with a comma","Website,Marketing",,,,5
112,2029-09-01,2029-09-10,2029-09-10,Write the copy,Untitled section,,,,2029-09-09,,,,Launch the site,,,
113,2029-09-01,,2029-09-02,Pick fonts,,,,,,,,,Nowhere,,,
"""
TRELLO = """\
Card ID,Card Name,Card URL,Card Description,Labels,Members,Due Date,Attachment Count,Attachment Links,\
Checklist Item Total Count,Checklist Item Completed Count,Vote Count,Comment Count,Last Activity Date,List ID,\
List Name,Board ID,Board Name,Archived,Start Date,Due Complete
5f1,Draft the release,https://trello.com/c/1,"Keep it **short**","Urgent (red),Client (sky_dark),(green)",ada,\
2030-01-31T17:00:00.000Z,0,,2,1,0,0,2029-01-01T10:00:00.000Z,l1,Doing,b1,Website,false,,false
5f2,Old idea,https://trello.com/c/2,,,,,0,,0,0,0,0,2029-01-01T10:00:00.000Z,l2,Ideas,b1,Website,true,,false
5f3,Shipped,https://trello.com/c/3,,,,,0,,0,0,0,0,2029-01-01T10:00:00.000Z,l3,Done,b1,Website,true,,true
"""
VIKUNJA = """\
id;title;description;due_date;start_date;end_date;done;done_at;priority;labels;project;reminder;created
1;Buy wood;<p>Oak</p>;2030-02-01T09:00:00+01:00;;;false;0001-01-01T00:00:00Z;5;"home,shop";Shed;;2029-01-01T08:00:00Z
2;Paint;;0001-01-01T00:00:00Z;;;true;2029-02-01T08:00:00Z;0;;Shed;;2029-01-01T08:00:00Z
"""


def tasks_of(owner, text, application, timezone="Europe/Berlin"):
    """Import a file; return its tasks by title, and the response."""
    owner.patch("/api/v1/me", json={"timezone": timezone})
    dry = import_csv(owner, text, dry_run="true")
    response = import_csv(owner, text)
    assert counts(response) == counts(dry) | {"dry_run": False}
    assert response.json["source"]["application"] == application
    return {task["title"]: task for task in list_tasks(owner)}, response.json


def messages(response):
    return [(warning["row"], warning["message"]) for warning in response["warnings"]]


def test_todoist(owner):
    tasks, response = tasks_of(owner, TODOIST, "todoist")
    roadmap, ask, write, plants = tasks.values()
    assert [*tasks] == ["Draft the roadmap", "Ask everybody", "Write to a@example.org", "Water the plants"]
    assert (roadmap["labels"], roadmap["priority"]) == (["next", "Planning", "work"], "urgent")
    assert roadmap["description"] == (
        "The big rocks\n\nDue: every friday\n\nRemember the hiring plan\n\nAnd the budget"
    )
    assert (roadmap["due_date"], ask["due_at"], write["due_date"]) == (
        "2030-08-01",
        "2030-07-22T13:00:00Z",
        "2030-07-22",
    )
    assert [ask["parent_id"], write["parent_id"], plants["parent_id"]] == [roadmap["id"], ask["id"], None]
    assert (ask["priority"], write["priority"], plants["priority"]) == ("none", "medium", "high")
    assert (plants["labels"], plants["description"]) == (["Later"], "Due: Jul 22")
    assert messages(response) == [
        (1, "Due 'every friday' is in the description, because it is not a date with a year."),
        (7, "Due 'Jul 22' is in the description, because it is not a date with a year."),
    ]
    assert response["source"]["ignored_columns"] == ["AUTHOR", "RESPONSIBLE", "DATE_LANG", "DURATION", "DURATION_UNIT"]
    assert response["source"]["columns"]["CONTENT"] == "title"


def test_ticktick(owner):
    tasks, response = tasks_of(owner, TICKTICK, "ticktick")
    child, call, sign = tasks["Child"], tasks["Call"], tasks["Sign"]
    assert (child["parent_id"], child["project"]) == (call["id"], "Alpha")
    assert (call["due_date"], call["priority"], call["labels"]) == ("2030-01-31", "high", ["Doing", "urgent", "work"])
    assert call["description"] == "Call\nthe office\n\nAsk for Ben.\n\nNot for Carl."
    assert (sign["due_at"], sign["status"], sign["project"]) == ("2030-01-31T08:30:00Z", "done", "Inbox")
    assert (sign["completed_at"], sign["created_at"]) == ("2029-10-10T10:00:00Z", "2029-10-09T15:09:48Z")
    assert (sign["description"], sign["recurrence"]) == ("Repeat: RRULE:FREQ=HOURLY", None)
    lines, rule, parent = messages(response)
    assert lines == (1, "The title was of several lines. All of it is in the description.")
    assert rule[1].startswith("Repeat 'RRULE:FREQ=HOURLY' is in the description, because it is not accepted: ")
    assert (rule[0], parent) == (2, (2, "The task has no parent: The file has no such row."))


@needs("recurrence")
def test_ticktick_rules_become_recurrences(owner):
    tasks, response = tasks_of(owner, TICKTICK.replace("FREQ=HOURLY", "FREQ=WEEKLY;WKST=SU"), "ticktick")
    assert (tasks["Sign"]["recurrence"], tasks["Sign"]["description"]) == ("FREQ=WEEKLY;WKST=SU", "")
    assert "Repeat" not in str(messages(response))
    without_due = TICKTICK.replace("FREQ=HOURLY", "FREQ=DAILY").replace("2030-01-31T08:30:00+0000", "")
    _, response = tasks_of(owner, without_due, "ticktick")
    [why] = [message for _, message in messages(response) if "Repeat" in message]
    assert why == "Repeat 'RRULE:FREQ=DAILY' is in the description, because the task has no due date."


def test_asana(owner):
    tasks, response = tasks_of(owner, ASANA, "asana")
    launch, copy, fonts = tasks.values()
    assert (launch["project"], launch["labels"]) == ("Website", ["Build", "Design", "Marketing", "Q4"])
    assert (launch["due_date"], launch["description"]) == ("2030-10-15", "Line one\nLine two, with a comma")
    assert (copy["status"], copy["parent_id"], copy["project"]) == ("done", launch["id"], "Website")
    assert (copy["labels"], copy["completed_at"]) == ([], "2029-09-09T22:00:00Z")
    assert (fonts["parent_id"], fonts["description"]) == (None, "Parent task: Nowhere")
    assert "Estimate" in response["source"]["ignored_columns"]
    assert [row for row, _ in messages(response)] == [None, 2]


def test_trello(owner):
    tasks, response = tasks_of(owner, TRELLO, "trello")
    draft, idea, shipped = tasks.values()
    assert (draft["labels"], draft["project"]) == (["Client", "Doing", "green", "Urgent"], "Website")
    assert (draft["due_at"], draft["status"]) == ("2030-01-31T17:00:00Z", "todo")
    assert (idea["status"], shipped["status"], shipped["labels"]) == ("cancelled", "done", ["Done"])
    assert (response["projects"], response["warnings"]) == (1, [])


def test_vikunja(owner):
    tasks, response = tasks_of(owner, VIKUNJA, "vikunja")
    wood, paint = tasks.values()
    assert (wood["due_at"], wood["priority"], wood["labels"]) == ("2030-02-01T08:00:00Z", "urgent", ["home", "shop"])
    assert (wood["project"], wood["completed_at"], wood["description"]) == ("Shed", None, "<p>Oak</p>")
    assert (paint["status"], paint["completed_at"]) == ("done", "2029-02-01T08:00:00Z")
    assert (paint["due_date"], paint["due_at"], paint["priority"]) == (None, None, "none")
    assert response["source"]["delimiter"] == "semicolon"


def test_files_saved_by_a_german_excel(owner):
    """Excel writes `;`, Windows-1252 and dates with dots when it saves a file that it has opened."""
    text = ASANA.replace("2030-10-15", "15.10.2030").replace('"Design,Q4"', "Büro")
    rows = (
        text.replace("Line two, with a comma", "Line two").replace('"Website,Marketing"', "Website").replace(",", ";")
    )
    tasks, response = tasks_of(owner, rows.encode("cp1252"), "asana")
    assert (tasks["Launch the site"]["due_date"], tasks["Launch the site"]["labels"]) == (
        "2030-10-15",
        ["Build", "Büro"],
    )
    assert (response["source"]["encoding"], response["source"]["delimiter"]) == ("windows-1252", "semicolon")


def test_ambiguous_dates_of_an_application_are_rejected(owner):
    text = TODOIST.replace("2030-07-22,en", "2/7/2030,en")
    assert [*row_errors(import_csv(owner, text))] == ["5"]
    assert list_tasks(owner) == []
    assert counts(import_csv(owner, text, date_order="dmy"))["created"] == 4
    assert [task["due_date"] for task in list_tasks(owner)][2] == "2030-07-02"


def test_tasks_without_a_title_and_too_deep_tasks_are_kept(owner):
    head = "TYPE,CONTENT,PRIORITY,INDENT,DATE\n"
    rows = "".join(f"task,{'' if depth == 3 else f'Level {depth}'},4,{depth},\n" for depth in range(1, 7))
    response = import_csv(owner, f"{head}note,For nobody,,,\n{rows}").json
    assert [row for row, _ in messages(response)] == [0, 3, 6]
    assert messages(response)[2][1] == "The task has no parent: Trees of tasks have at most 5 levels."
    tasks = {task["title"]: task for task in list_tasks(owner)}
    assert tasks["Untitled"]["parent_id"] == tasks["Level 2"]["id"]
    assert tasks["Level 6"]["parent_id"] is None


@pytest.mark.parametrize("cell", ['"' + "(" * 100_000 + '"', '"' + " " * 100_000 + 'a"', '"' + "@ " * 50_000 + '"'])
def test_hostile_cells_take_no_time(owner, cell):
    for text in (TRELLO, TODOIST, TICKTICK, ASANA):
        header = text.splitlines()[-2] if text is TICKTICK else text.partition("\n")[0]
        columns = header.count(",") + 1
        response = import_csv(owner, f"{header}\n" + ",".join([cell] * min(columns, 5)) + "\n")
        assert response.status_code in {200, 422}


def test_many_rows_that_are_no_tasks_are_bounded(owner):
    head = "TYPE,CONTENT,PRIORITY,INDENT,DATE\ntask,x,4,1,\n"
    assert [*row_errors(import_csv(owner, head + "note,a,,,\n" * 20_000))] == ["tasks"]
