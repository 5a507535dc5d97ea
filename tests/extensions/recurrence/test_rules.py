"""The rules that a task accepts, the form in which it shows them, and the message of each other rule."""

import time

import pytest
from surface import needs

from tests.extensions.recurrence.recurring import TASKS, add

ACCEPTED = {
    "FREQ=DAILY": "FREQ=DAILY",
    "RRULE:FREQ=DAILY;": "FREQ=DAILY",
    "freq=weekly;byday=mo": "FREQ=WEEKLY;BYDAY=MO",
    "FREQ=DAILY;INTERVAL=1": "FREQ=DAILY",
    "INTERVAL=1000;FREQ=DAILY": "FREQ=DAILY;INTERVAL=1000",
    "FREQ=DAILY;COUNT=1000": "FREQ=DAILY;COUNT=1000",
    "FREQ=DAILY;UNTIL=20301231": "FREQ=DAILY;UNTIL=20301231",
    "FREQ=DAILY;UNTIL=20301231T225959Z": "FREQ=DAILY;UNTIL=20301231T225959Z",
    "FREQ=DAILY;BYHOUR=2;BYMINUTE=30": "FREQ=DAILY;BYHOUR=2;BYMINUTE=30",
    "FREQ=DAILY;BYHOUR=0;BYMINUTE=0": "FREQ=DAILY;BYHOUR=0;BYMINUTE=0",
    "FREQ=WEEKLY;BYDAY=SU,MO,MO;WKST=MO": "FREQ=WEEKLY;BYDAY=MO,SU",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=SU": "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=SU",
    "FREQ=MONTHLY;WKST=SU": "FREQ=MONTHLY",
    "FREQ=MONTHLY;BYMONTHDAY=+15,-1,1": "FREQ=MONTHLY;BYMONTHDAY=-1,1,15",
    "FREQ=MONTHLY;BYDAY=+2MO,-1FR": "FREQ=MONTHLY;BYDAY=-1FR,2MO",
    "FREQ=MONTHLY;BYSETPOS=-1;BYDAY=FR,MO": "FREQ=MONTHLY;BYDAY=MO,FR;BYSETPOS=-1",
    "FREQ=MONTHLY;INTERVAL=12": "FREQ=MONTHLY;INTERVAL=12",
    "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=28,31": "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=28,31",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
    "FREQ=YEARLY;INTERVAL=2;BYMONTH=2,4;BYMONTHDAY=30": "FREQ=YEARLY;INTERVAL=2;BYMONTH=2,4;BYMONTHDAY=30",
    "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH": "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",
}
MALFORMED = "Must be a rule of RFC 5545, such as FREQ=WEEKLY;BYDAY=MO."
UNTIL = "UNTIL must be a day or an instant in UTC, such as 20301231 or 20301231T220000Z."
EVERY_YEAR = "Use FREQ=YEARLY with BYMONTH: with this INTERVAL, there may be no such date."
MONTH_DAYS = ",".join(map(str, [*range(-31, -1), *range(10, 24)]))
REFUSED = {
    "every day": MALFORMED,
    "FREQ": MALFORMED,
    "FREQ=DAILY;;COUNT=2": MALFORMED,
    "FREQ=DAILY COUNT=2": MALFORMED,
    "INTERVAL=2": "FREQ must be one of: DAILY, WEEKLY, MONTHLY, YEARLY.",
    "FREQ=SECONDLY": "FREQ must be one of: DAILY, WEEKLY, MONTHLY, YEARLY.",
    "FREQ=HOURLY;INTERVAL=6": "FREQ must be one of: DAILY, WEEKLY, MONTHLY, YEARLY.",
    "FREQ=DAILY;FREQ=DAILY": "FREQ is given more than once.",
    "FREQ=DAILY;X-PART=1": MALFORMED,
    "FREQ=DAILY;FROM=COMPLETION": "FROM is not supported with FREQ=DAILY.",
    "FREQ=DAILY;BYSECOND=1": "BYSECOND is not supported with FREQ=DAILY.",
    "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30": "BYMONTH is not supported with FREQ=DAILY.",
    "FREQ=WEEKLY;BYMONTHDAY=13": "BYMONTHDAY is not supported with FREQ=WEEKLY.",
    "FREQ=YEARLY;BYYEARDAY=100": "BYYEARDAY is not supported with FREQ=YEARLY.",
    "FREQ=YEARLY;BYWEEKNO=20": "BYWEEKNO is not supported with FREQ=YEARLY.",
    "FREQ=DAILY;INTERVAL=0": "INTERVAL must be 1 to 1000.",
    "FREQ=DAILY;INTERVAL=1001": "INTERVAL must be 1 to 1000.",
    "FREQ=DAILY;INTERVAL=99999": "INTERVAL must be a number.",
    "FREQ=DAILY;INTERVAL=1,2": "INTERVAL must have one value.",
    "FREQ=WEEKLY;INTERVAL=201": "INTERVAL must be 1 to 200.",
    "FREQ=MONTHLY;INTERVAL=101": "INTERVAL must be 1 to 100.",
    "FREQ=YEARLY;INTERVAL=11": "INTERVAL must be 1 to 10.",
    "FREQ=DAILY;COUNT=0": "COUNT must be 1 to 1000.",
    "FREQ=DAILY;COUNT=1001": "COUNT must be 1 to 1000.",
    "FREQ=DAILY;COUNT=2;UNTIL=20301231": "COUNT and UNTIL exclude each other.",
    "FREQ=DAILY;UNTIL=20301301": UNTIL,
    "FREQ=DAILY;UNTIL=20301231T220000": UNTIL,
    "FREQ=DAILY;UNTIL=19691231": "UNTIL must be between 1970 and 9999.",
    "FREQ=DAILY;BYHOUR=9": "BYHOUR and BYMINUTE must be given together.",
    "FREQ=DAILY;BYHOUR=24;BYMINUTE=0": "BYHOUR must be 0 to 23.",
    "FREQ=DAILY;BYHOUR=9,10;BYMINUTE=0": "BYHOUR must have one value.",
    "FREQ=DAILY;BYDAY=1MO": "With FREQ=DAILY, BYDAY must have no numbers.",
    "FREQ=DAILY;INTERVAL=7;BYDAY=MO": "With FREQ=DAILY and BYDAY, INTERVAL must be 1.",
    "FREQ=WEEKLY;BYDAY=1MO": "With FREQ=WEEKLY, BYDAY must have no numbers.",
    "FREQ=WEEKLY;BYDAY=XX": "BYDAY must be weekdays, such as MO,TH or 2MO or -1FR.",
    "FREQ=WEEKLY;BYDAY=MO;WKST=XX": "WKST must be a weekday.",
    "FREQ=MONTHLY;BYDAY=6MO": "A number in BYDAY must be 1 to 5 or -5 to -1.",
    "FREQ=MONTHLY;BYDAY=0MO": "A number in BYDAY must be 1 to 5 or -5 to -1.",
    "FREQ=MONTHLY;BYMONTHDAY=32": "BYMONTHDAY must be 1 to 31 or -31 to -1.",
    "FREQ=MONTHLY;BYMONTHDAY=0": "BYMONTHDAY must be 1 to 31 or -31 to -1.",
    "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR": "BYMONTHDAY and BYDAY exclude each other.",
    "FREQ=MONTHLY;BYSETPOS=1": "BYSETPOS needs BYDAY without numbers.",
    "FREQ=MONTHLY;BYDAY=1MO;BYSETPOS=2": "BYSETPOS needs BYDAY without numbers.",
    "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6": "BYSETPOS must be 1 to 5 or -5 to -1.",
    "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=30": EVERY_YEAR,
    "FREQ=MONTHLY;INTERVAL=24;BYDAY=5MO": EVERY_YEAR,
    "FREQ=YEARLY;BYMONTH=6": "With FREQ=YEARLY, BYMONTH needs BYMONTHDAY or BYDAY, and these need BYMONTH.",
    "FREQ=YEARLY;BYDAY=20MO": "BYDAY must be weekdays, such as MO,TH or 2MO or -1FR.",
    "FREQ=YEARLY;BYDAY=1MO": "With FREQ=YEARLY, BYMONTH needs BYMONTHDAY or BYDAY, and these need BYMONTH.",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30": "There is no such date.",
    "FREQ=YEARLY;BYMONTH=4,6;BYMONTHDAY=31,-31": "There is no such date.",
    "FREQ=YEARLY;BYMONTH=13;BYMONTHDAY=1": "BYMONTH must be 1 to 12.",
    "FREQ=YEARLY;INTERVAL=3;BYMONTH=2;BYMONTHDAY=29": "With days that not every year has, INTERVAL must be 1.",
    "FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYDAY=5MO": "With days that not every year has, INTERVAL must be 1.",
    "FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYDAY=MO;BYSETPOS=-5": "With days that not every year has, INTERVAL must be 1.",
    f"FREQ=MONTHLY;BYMONTHDAY={MONTH_DAYS};INTERVAL=2": (
        "Must have at most 170 characters, besides BYHOUR and BYMINUTE."
    ),
    "FREQ=DAILY;" + "BYDAY=MO," * 30: "Must have 1 to 200 characters.",
    "": "Must have 1 to 200 characters.",
}


def refusal(response, path=("json",)):
    assert response.status_code == 422, response.text
    errors = response.json["errors"]
    for name in path:
        errors = errors[name]
    return errors["recurrence"]


@pytest.mark.parametrize(("rule", "shown"), ACCEPTED.items())
def test_accepted_rule_is_shown_in_canonical_form(owner, rule, shown):
    task = add(owner, rule, "2030-01-31")
    assert (task["recurrence"], task["recurrence_from"], task["next_id"]) == (shown, "due", None)
    again = owner.patch(f"{TASKS}/{task['id']}", json={"recurrence": shown}).json
    assert (again["recurrence"], again["version"]) == (shown, task["version"])


@pytest.mark.parametrize(("rule", "why"), REFUSED.items())
def test_other_rule_is_refused_at_once(owner, task, rule, why):
    start = time.perf_counter()
    created = owner.post(TASKS, json={"title": "Rake", "due_date": "2030-01-31", "recurrence": rule})
    changed = owner.patch(f"{TASKS}/{task['id']}", json={"due_date": "2030-01-31", "recurrence": rule})
    assert time.perf_counter() - start < 1
    assert refusal(created) == refusal(changed) == [why]
    assert owner.get(f"{TASKS}/{task['id']}").json == task


def test_rule_without_due_date_is_refused(owner, task):
    rule = {"recurrence": "FREQ=DAILY"}
    why = ["A recurring task needs a due date."]
    assert refusal(owner.post(TASKS, json={"title": "Rake", **rule})) == why
    assert refusal(owner.patch(f"{TASKS}/{task['id']}", json=rule)) == why
    assert owner.get(f"{TASKS}/{task['id']}").json == task


@needs("batch")
def test_batch_refuses_a_rule_without_due_date(owner):
    batch = [{"op": "create", "data": {"title": "Rake", "recurrence": "FREQ=DAILY"}}]
    response = owner.post(f"{TASKS}/batch", json={"operations": batch})
    assert refusal(response, ("json", "operations", "0", "data")) == ["A recurring task needs a due date."]


@pytest.mark.parametrize("due", ["2030-01-31", "2030-01-31T09:00:00Z"])
def test_due_date_of_a_recurring_task_can_be_removed_only_with_its_rule(owner, due):
    task = add(owner, "FREQ=DAILY", due)
    url, without_due = f"{TASKS}/{task['id']}", {"due_date": None, "due_at": None}
    assert refusal(owner.patch(url, json=without_due)) == ["A recurring task needs a due date."]
    assert owner.get(url).json == task
    other = owner.patch(
        url, json={"due_at": "2030-02-01T10:00:00Z"} if task["due_date"] else {"due_date": "2030-02-01"}
    )
    assert other.json["recurrence"] == "FREQ=DAILY"
    both = owner.patch(url, json={**without_due, "recurrence": None}).json
    assert (both["due_date"], both["due_at"], both["recurrence"]) == (None, None, None)


def test_rule_is_text_and_start_is_a_choice(owner):
    body = {"title": "Rake", "due_date": "2030-01-31"}
    assert refusal(owner.post(TASKS, json={**body, "recurrence": {"freq": "daily"}})) == ["Not a valid string."]
    response = owner.post(TASKS, json={**body, "recurrence_from": "now"})
    assert response.json["errors"]["json"] == {"recurrence_from": ["Must be one of: due, completion."]}


def test_next_id_is_ignored_on_write(owner, task):
    assert owner.patch(f"{TASKS}/{task['id']}", json={"next_id": task["id"]}).json == task
    assert add(owner, "FREQ=DAILY", "2030-01-31", next_id=task["id"])["next_id"] is None


@needs("batch")
def test_search_for_dates_is_short(owner):
    """The rules that take longest: rare dates, and dates that were missed for a long time."""
    rules = [
        ("FREQ=YEARLY;BYMONTH=2;BYDAY=5MO", "2044-03-01"),
        ("FREQ=MONTHLY;INTERVAL=72", "2092-02-29"),
        ("FREQ=DAILY;COUNT=1000", "1970-01-01"),
        ("FREQ=MONTHLY;COUNT=1000;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "1970-01-01"),
        ("FREQ=DAILY", "1970-01-01"),
    ]
    tasks = [add(owner, rule, due) for rule, due in rules for _ in range(10)]
    operations = [{"op": "update", "id": task["id"], "data": {"status": "done"}} for task in tasks]
    start = time.perf_counter()
    response = owner.post(f"{TASKS}/batch", json={"operations": operations})
    assert response.status_code == 200, response.text
    assert time.perf_counter() - start < 10
