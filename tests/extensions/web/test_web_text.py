"""The modules of the web client in a browser: quick add, days and time zones, conflicts."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskapi.extensions.web.routes import RELEASE

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

QUICK_ADD = "text/quick_add_parser.js"
NOON = "2030-06-12T12:00:00Z"  # a Wednesday

DAYS = {  # due words, and the day; the title is "Milk"
    "today": "06-12", "tomorrow": "06-13", "Tomorrow": "06-13", "the day after tomorrow": "06-14",
    "day after tomorrow": "06-14", "on Friday": "06-14", "friday": "06-14", "by Friday": "06-14", "due Friday": "06-14",
    "for Sat": "06-15", "on Sat": "06-15", "by Sat": "06-15", "sat": "06-15", "wed": "06-19", "this Wednesday": "06-12",
    "next Friday": "06-21", "next wed": "06-19", "next Sunday": "06-23", "Friday next week": "06-21",
    "this weekend": "06-15", "next weekend": "06-22", "next week": "06-17", "next month": "07-01", "in a week": "06-19",
    "in 3 days": "06-15", "in two weeks": "06-26", "in 2 weeks": "06-26", "in 3 months": "09-12",
    "on the 15th": "06-15", "1 December": "12-01", "1st of December": "12-01", "December 1": "12-01", "Dec 20": "12-20",
    "20 dec": "12-20", "Dec 20th": "12-20", "Fri, 14 June": "06-14", "12 June": "06-12", "2030-07-01": "07-01",
    "15.7.2030": "07-15", "Friday.": "06-14", "tomorrow!": "06-13",
}  # fmt: skip
INSTANT_WORDS = {  # due words, and the instant; Berlin is two hours ahead of UTC in summer
    "tomorrow at 6pm": "06-13T16:00", "18:30": "06-12T16:30", "at 18:30": "06-12T16:30", "10:00": "06-13T08:00",
    "9am": "06-13T07:00", "12am": "06-12T22:00", "12pm": "06-13T10:00", "6.30 p.m.": "06-12T16:30",
    "@6pm": "06-12T16:00", "at noon": "06-13T10:00", "tomorrow morning": "06-13T07:00",
    "tomorrow afternoon": "06-13T13:00", "tomorrow noon": "06-13T10:00", "friday evening": "06-14T17:00",
    "on Friday in the morning": "06-14T07:00", "tonight": "06-12T19:00", "tonight 8pm": "06-12T18:00",
    "tomorrow evening at 8pm": "06-13T18:00",
    "this evening": "06-12T17:00", "5pm on Friday": "06-14T15:00", "at 5 pm tomorrow": "06-13T15:00",
    "Dec 20 5pm": "12-20T16:00", "20 December, 17:00": "12-20T16:00", "today 9:00": "06-12T07:00",
    "by Friday 5pm": "06-14T15:00", "in 2 hours": "06-12T14:00", "in 30 minutes": "06-12T12:30",
    "in an hour": "06-12T13:00",
}  # fmt: skip
LATER = {
    "1 June": "2031-06-01", "29 Feb": "2032-02-29", "next year": "2031-01-01", "in a year": "2031-06-12",
    "on the 5th": "2030-07-05", "2031-01-31": "2031-01-31", "15.4.2027": "2027-04-15", "2031/4/15": "2031-04-15",
    "15-4-2031": "2031-04-15", "April 15, 2031": "2031-04-15",
}  # fmt: skip
TEXTS = (  # not recognized: the whole line is the title
    "Milk", "Milk !nonsense", "Milk!", "Issue #", "Fix #42", "#42", "Fix bug #42-3", "Read #1 and #2", "Meet at 6",
    "Write to ada@example.org", "Milk 2031-02-31", "Milk 31 February", "Milk 25:00", "Milk 13pm", "Chapter 12",
    "Tomorrow", "for tomorrow", "in 3 days", "Dec 20 5pm", "Monday is a song", "every Sunday", "Gym every 1 December",
    "every day", "Gym every", "Read the daily", "Read the daily news", "One of each", "Pay every 1001 days",
    "Pay every 0 days",
    "Pay every 32nd", "Meet every supplier", "Gym every Monday and then", "Support 24/7", "Watch the sun",
    "Open since Monday", "Write minutes of Monday", "Meet in the morning",
    "Open from Monday to Friday", "Not before 5pm", "Last Friday", "Report on last Friday",
    "Python 3.11", "Update to 10.0.1.5", "Score 3:1", "Lift 5-6pm", "Milk 15.4.1950", "Milk 1/2/3/4",
    "Milk Fri, 13 June 2030", "Stay until Friday", "<b>Milk</b> & co", "#home", "@home !high", 'Say "hello"',
    "C# and F#", "Tom", "In may", "April in Paris", "Milk by", "Plan Sunday and Monday", f"Milk @{'a' * 51}",
    f"Milk #{'a' * 101}",
)  # fmt: skip
SIGNED = {
    "Milk !high": {"title": "Milk", "priority": "high"},
    "!u Milk": {"title": "Milk", "priority": "urgent"},
    "Milk !low !high": {"title": "Milk !low", "priority": "high"},
    "Milk @home @far away": {"title": "Milk away", "labels": ["home", "far"]},
    'Milk @"far away"': {"title": "Milk", "labels": ["far away"]},
    'Milk #"The Shop" @home': {"title": "Milk", "labels": ["home"], "project": "The Shop"},
    "Milk #Garden": {"title": "Milk", "project": "Garden"},
    "Milk #Garden #Home": {"title": "Milk #Garden", "project": "Home"},
    "Fix #42 #Garden": {"title": "Fix #42", "project": "Garden"},
    'Plan #"2027"': {"title": "Plan", "project": "2027"},
    "Ask @bob, then call": {"title": "Ask, then call", "labels": ["bob"]},
    "Milk in 2 weeks @home": {"title": "Milk", "labels": ["home"], "due_date": "2030-06-26"},
    "Milk tomorrow @home 5pm": {"title": "Milk", "labels": ["home"], "due_at": "2030-06-13T15:00:00Z"},
    "Plan party Dec 20 5pm": {"title": "Plan party", "due_at": "2030-12-20T16:00:00Z"},
    "Call every supplier tomorrow": {"title": "Call every supplier", "due_date": "2030-06-13"},
    "Meet @ 5pm": {"title": "Meet", "due_at": "2030-06-12T15:00:00Z"},
}
REPEATS = {  # words, the rule, and the first due date
    "every Monday": ("FREQ=WEEKLY;BYDAY=MO", "06-17"),
    "every Monday 9am": ("FREQ=WEEKLY;BYDAY=MO", "06-17T07:00"),
    "each Monday, at 9:00.": ("FREQ=WEEKLY;BYDAY=MO", "06-17T07:00"),
    "every Wednesday": ("FREQ=WEEKLY;BYDAY=WE", "06-12"),
    "every Wednesday 9am": ("FREQ=WEEKLY;BYDAY=WE", "06-19T07:00"),
    "every Wednesday 6pm": ("FREQ=WEEKLY;BYDAY=WE", "06-12T16:00"),
    "every other Friday": ("FREQ=WEEKLY;INTERVAL=2;BYDAY=FR", "06-14"),
    "every Thursday and Monday": ("FREQ=WEEKLY;BYDAY=MO,TH", "06-13"),
    "every Sun, Mon and Fri": ("FREQ=WEEKLY;BYDAY=MO,FR,SU", "06-14"),
    "every weekday 9am": ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "06-13T07:00"),
    "Mondays 6pm": ("FREQ=WEEKLY;BYDAY=MO", "06-17T16:00"),
    "every day": ("FREQ=DAILY", "06-12"),
    "every day in the morning": ("FREQ=DAILY", "06-13T07:00"),
    "daily at 18:00": ("FREQ=DAILY", "06-12T16:00"),
    "daily at 9:00": ("FREQ=DAILY", "06-13T07:00"),
    "every 2 weeks": ("FREQ=WEEKLY;INTERVAL=2", "06-12"),
    "every 2 weeks 9am": ("FREQ=WEEKLY;INTERVAL=2", "06-26T07:00"),
    "every two weeks": ("FREQ=WEEKLY;INTERVAL=2", "06-12"),
    "every other week": ("FREQ=WEEKLY;INTERVAL=2", "06-12"),
    "every 2 weeks on Monday and Thursday": ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH", "06-13"),
    "every month": ("FREQ=MONTHLY", "06-12"),
    "every 3 months at noon": ("FREQ=MONTHLY;INTERVAL=3", "09-12T10:00"),
    "every 15th": ("FREQ=MONTHLY;BYMONTHDAY=15", "06-15"),
    "every 5th": ("FREQ=MONTHLY;BYMONTHDAY=5", "07-05"),
    "every year": ("FREQ=YEARLY", "06-12"),
    "every! 3 days": ("FREQ=DAILY;INTERVAL=3", "06-12", "completion"),
    "weekly!": ("FREQ=WEEKLY", "06-12", "completion"),
}
GERMAN_REPEATS = {
    "jeden Montag": ("FREQ=WEEKLY;BYDAY=MO", "06-17"),
    "jeden Montag um 9 Uhr": ("FREQ=WEEKLY;BYDAY=MO", "06-17T07:00"),
    "jeden zweiten Freitag": ("FREQ=WEEKLY;INTERVAL=2;BYDAY=FR", "06-14"),
    "jeden Montag und Donnerstag": ("FREQ=WEEKLY;BYDAY=MO,TH", "06-13"),
    "montags": ("FREQ=WEEKLY;BYDAY=MO", "06-17"),
    "jeden Werktag um 9 Uhr": ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "06-13T07:00"),
    "jeden Tag": ("FREQ=DAILY", "06-12"),
    "täglich um 18 Uhr": ("FREQ=DAILY", "06-12T16:00"),
    "alle 2 Wochen": ("FREQ=WEEKLY;INTERVAL=2", "06-12"),
    "alle zwei Wochen am Montag": ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", "06-17"),
    "jede zweite Woche": ("FREQ=WEEKLY;INTERVAL=2", "06-12"),
    "jeden! Monat": ("FREQ=MONTHLY", "06-12", "completion"),
    "every Monday": ("FREQ=WEEKLY;BYDAY=MO", "06-17"),
}
RULES = {  # as the list describes them
    "FREQ=WEEKLY": "Every week",
    "FREQ=WEEKLY;INTERVAL=3;BYDAY=MO,TH": "Every 3 weeks on Mon and Thu",
    "FREQ=MONTHLY;BYMONTHDAY=1,15": "Every month on the 1st and the 15th",
    "FREQ=MONTHLY;BYMONTHDAY=-2": "Every month on the 2nd last day",
    "FREQ=MONTHLY;BYDAY=-1FR,2MO": "Every month on the last Fri and 2nd Mon",
    "FREQ=MONTHLY;BYDAY=MO,FR;BYSETPOS=-1": "Every month on the last of Mon and Fri",
    "FREQ=YEARLY;BYMONTH=2,12;BYMONTHDAY=23": "Every year on the 23rd in Feb and Dec",
    "FREQ=DAILY;UNTIL=20301231": "Every day until 2030-12-31",
    "FREQ=DAILY;COUNT=3": "Every day 3 more times",
    "FREQ=DAILY;COUNT=1": "Every day for the last time",
    "FREQ=DAILY;BYHOUR=2;BYMINUTE=5": "Every day at 2:05",
}


def repeating(words):
    """Return what a line with these words is parsed to."""
    rule, due, *start = REPEATS.get(words) or GERMAN_REPEATS[words]
    fields = {"due_at": f"2030-{due}:00Z"} if "T" in due else {"due_date": f"2030-{due}"}
    return {"title": "Milk", "recurrence": rule, **fields} | ({"recurrence_from": start[0]} if start else {})


LINES = {
    **{f"Milk {phrase}": {"title": "Milk", "due_date": f"2030-{day}"} for phrase, day in DAYS.items()},
    **{f"Milk {phrase}": {"title": "Milk", "due_at": f"2030-{at}:00Z"} for phrase, at in INSTANT_WORDS.items()},
    **{f"Milk {phrase}": {"title": "Milk", "due_date": day} for phrase, day in LATER.items()},
    **{text: {"title": text} for text in TEXTS},
    **{f"Milk {words}": repeating(words) for words in REPEATS},
    **SIGNED,
}
LOCAL_LINES = {
    "en-GB": {"24/12": "2030-12-24", "12/24": None, "1/7": "2030-07-01", "24/12/2031": "2031-12-24",
              "12/24/2031": "2031-12-24", "24.12.": None, "24.12.31": None, "am Freitag": None},
    "en-US": {"12/24": "2030-12-24", "24/12": None, "7/1": "2030-07-01", "12/24/31": "2031-12-24",
              "24/12/2031": "2031-12-24", "15.4.2027": "2027-04-15"},
    "de-DE": {"24.12.": "2030-12-24", "24.12.31": "2031-12-24", "15.4.2027": "2027-04-15", "24/12": "2030-12-24",
              "12/24": None, "1. Dezember": "2030-12-01", "am 1. Dez.": "2030-12-01", "am Freitag": "2030-06-14",
              "bis Samstag": "2030-06-15", "bis zum 3. Mai 2031": "2031-05-03", "heute": "2030-06-12",
              "morgen": "2030-06-13", "übermorgen": "2030-06-14", "nächsten Monat": "2030-07-01",
              "nächsten Freitag": "2030-06-21", "in 3 Tagen": "2030-06-15", "in einer Woche": "2030-06-19",
              "morgen früh": "2030-06-13T07:00:00Z", "heute Abend": "2030-06-12T17:00:00Z",
              "am Freitag um 18 Uhr": "2030-06-14T16:00:00Z", "um 18.30 Uhr": "2030-06-12T16:30:00Z",
              "jeden Kunden": None, "seit Montag": None, "tomorrow": "2030-06-13", "3.11": None},
}  # fmt: skip
PARSED = "given.map(line => { const { understood, ...found } = m.parseQuickAdd(line); return found; })"


def in_browser(page, site):
    """Return a function that evaluates an expression with a module as `m`, at NOON, for a user in Berlin."""
    page.clock.set_fixed_time(NOON)
    page.goto(site)

    def run(module, expression, given=None):
        days = f"/static/{RELEASE}/text/dates.js"
        script = f"""async given => {{
            (await import('{days}')).setZone('Europe/Berlin');
            const m = await import('/static/{RELEASE}/{module}');
            return {expression};
        }}"""
        return page.evaluate(script, given)

    return run


@pytest.fixture
def run(site, page):
    """Evaluate an expression in a browser with the locale en-GB."""
    return in_browser(page, site)


def test_quick_add_parses_german_repetition(browser, site, subtests):
    context = browser.new_context(locale="de-DE")
    run = in_browser(context.new_page(), site)
    found = run(QUICK_ADD, PARSED, [f"Milk {words}" for words in GERMAN_REPEATS])
    for words, values in zip(GERMAN_REPEATS, found, strict=True):
        with subtests.test(words=words):
            assert values == repeating(words)
    context.close()


def test_rules_are_described(run):
    describe = "given.map(recurrence => m.describeRecurrence({ recurrence }))"
    assert run("text/rules.js", describe, [*RULES]) == [*RULES.values()]


def test_quick_add_parses_a_line(run, subtests):
    for line, found in zip(LINES, run(QUICK_ADD, PARSED, [*LINES]), strict=True):
        with subtests.test(line=line):
            assert found == LINES[line]


@pytest.mark.parametrize("locale", LOCAL_LINES)
def test_quick_add_parses_dates_by_locale(browser, site, locale, subtests):
    context = browser.new_context(locale=locale)
    run = in_browser(context.new_page(), site)
    lines = {f"Milk {phrase}": due for phrase, due in LOCAL_LINES[locale].items()}
    for (line, due), found in zip(lines.items(), run(QUICK_ADD, PARSED, [*lines]), strict=True):
        with subtests.test(line=line):
            name = "due_at" if due and "T" in due else "due_date"
            assert found == ({"title": "Milk", name: due} if due else {"title": line})
    context.close()


PHRASES = [*DAYS, *INSTANT_WORDS, *LATER, *TEXTS, "!high", "#Garden", "@home", '@"far away"', "#42", "for"]
UNDERSTOOD = "given.map(([line, kept]) => m.parseQuickAdd(line, kept))"


def test_quick_add_loses_no_word(run):
    """Every word is in the title or a recognized part; kept words are in the title."""

    @settings(
        max_examples=20, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.lists(st.lists(st.sampled_from(PHRASES), min_size=1, max_size=5).map(" ".join), min_size=50, max_size=50))
    def check(lines):
        results = run(QUICK_ADD, UNDERSTOOD, [[line, []] for line in lines])
        kept = [[each["words"] for each in found["understood"]] for found in results]
        again = run(QUICK_ADD, UNDERSTOOD, [*zip(lines, kept, strict=True)])
        for line, found, words, second in zip(lines, results, kept, again, strict=True):
            assert Counter(line.split()) == Counter(" ".join([found["title"], *words]).split()), line
            assert Counter(" ".join(words).split()) <= Counter(second["title"].split()), line

    check()


KEPT_SIGNS = {
    "Buy bulbs tomorrow #Shop": "Buy bulbs #Shop",
    "Buy #Shop bulbs tomorrow": "Buy #Shop bulbs",
    "#Shop bulbs tomorrow": "#Shop bulbs",
    'Buy bulbs tomorrow #"The Shop"': 'Buy bulbs #"The Shop"',
    "Buy bulbs tomorrow #Shop !high": "Buy bulbs #Shop",
    "Buy #Shop, then sell tomorrow": "Buy #Shop, then sell",
}


def test_quick_add_keeps_the_date_before_a_kept_sign(run, subtests):
    given = [[line, ['#"The Shop"' if '"' in line else "#Shop"]] for line in KEPT_SIGNS]
    for (line, title), found in zip(KEPT_SIGNS.items(), run(QUICK_ADD, UNDERSTOOD, given), strict=True):
        with subtests.test(line=line):
            assert (found["title"], found.get("due_date"), "project" in found) == (title, "2030-06-13", False)


def test_quick_add_completes_a_word(run):
    finish = "m.completeWord(given[0], given[1], m.findWordAt(given[0], given[1]), given[2])"
    assert run(QUICK_ADD, finish, ["Milk @ho now", 8, "home"]) == {"line": "Milk @home now", "cursor": 11}
    assert run(QUICK_ADD, finish, ["Milk #", 6, "The Shop"])["line"] == 'Milk #"The Shop" '
    assert run(QUICK_ADD, finish, ["Milk #", 6, "2027"])["line"] == 'Milk #"2027" '
    assert run(QUICK_ADD, "m.findWordAt('a@b', 3)") is None


INSTANTS = {
    "2030-06-11T22:00:00Z": ("2030-06-12", "00:00"),
    "2030-12-11T23:00:00Z": ("2030-12-12", "00:00"),
    "2030-03-31T00:59:00Z": ("2030-03-31", "01:59"),
    "2030-03-31T01:00:00Z": ("2030-03-31", "03:00"),
    "2030-10-27T11:00:00Z": ("2030-10-27", "12:00"),
}


def test_local_times_are_instants_of_the_time_zone(run):
    expression = "given.map(([day, time]) => m.instantOf(day, time))"
    assert run("text/dates.js", expression, [*INSTANTS.values()]) == [*INSTANTS]
    results = run("text/dates.js", "given.map(at => [m.dayOf(at), m.timeOf(at)])", [*INSTANTS])
    assert [tuple(each) for each in results] == [*INSTANTS.values()]


SKIPPED = {  # skipped local times, and their instants; a day without a midnight starts at its first instant
    ("America/New_York", "2027-03-14", "02:30"): "2027-03-14T07:30:00Z",
    ("Europe/Berlin", "2027-03-28", "02:00"): "2027-03-28T01:00:00Z",
    ("Australia/Lord_Howe", "2026-10-04", "02:15"): "2026-10-03T15:45:00Z",
    ("Pacific/Apia", "2011-12-30", "12:00"): "2011-12-30T22:00:00Z",
    ("America/Santiago", "2026-09-06", "00:00"): "2026-09-06T04:00:00Z",
    ("America/Havana", "2026-03-08", "00:00"): "2026-03-08T05:00:00Z",
    ("Asia/Beirut", "2026-03-29", "00:00"): "2026-03-28T22:00:00Z",
    ("Africa/Cairo", "2026-04-24", "00:00"): "2026-04-23T22:00:00Z",
}
IN_ZONES = "given.map(([zone, day, time]) => (m.setZone(zone), m.instantOf(day, time)))"


def test_skipped_times_move_forward(run, subtests):
    for times, found in zip(SKIPPED, run("text/dates.js", IN_ZONES, [*SKIPPED]), strict=True):
        with subtests.test(times=times):
            assert found == SKIPPED[times]


ZONES = (
    "UTC", "America/New_York", "America/Santiago", "America/Havana", "America/St_Johns", "America/Sao_Paulo",
    "America/Caracas", "Africa/Cairo", "Africa/Casablanca", "Asia/Beirut", "Asia/Gaza", "Asia/Kathmandu", "Asia/Tehran",
    "Asia/Tokyo", "Atlantic/Azores", "Australia/Adelaide", "Australia/Lord_Howe", "Europe/Berlin", "Europe/Dublin",
    "Europe/Volgograd", "Pacific/Apia", "Pacific/Chatham", "Pacific/Kiritimati", "Antarctica/Troll",
)  # fmt: skip


def days_of_change(zone, years):
    """Return the days around each change of the UTC offset of a zone."""
    half_days = range(0, 24 * 366 * len(years), 12)
    local = [(datetime(years.start, 1, 1, tzinfo=UTC) + timedelta(hours=hour)).astimezone(zone) for hour in half_days]
    changes = [later.date() for earlier, later in pairwise(local) if earlier.utcoffset() != later.utcoffset()]
    return {day + timedelta(days=ahead) for day in changes for ahead in (-1, 0, 1)}


def test_local_times_agree_with_python(run):
    """Compare with zoneinfo: an ambiguous time is the first instant, a skipped one has the offset before the gap."""
    times, expected = [], []
    for name in ZONES:
        for day in days_of_change(ZoneInfo(name), range(2011, 2025)):
            for minutes in range(0, 4 * 60, 45):
                local = datetime.combine(day, time(*divmod(minutes, 60)), ZoneInfo(name))
                times.append((name, day.isoformat(), f"{local:%H:%M}"))
                expected.append(f"{local.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    assert len(times) > 3_000
    found = run("text/dates.js", IN_ZONES, times)
    assert [each for each in zip(times, found, expected, strict=True) if each[1] != each[2]] == []


def test_day_without_midnight_starts_at_its_first_instant(run):
    """Compare with a search minute by minute."""
    found = {}
    for name in ("America/Santiago", "America/Havana", "Asia/Beirut", "Africa/Cairo", "America/Sao_Paulo", "Asia/Gaza"):
        zone = ZoneInfo(name)
        for day in days_of_change(zone, range(2008, 2025)):
            minute = datetime.combine(day, time(), UTC) - timedelta(hours=8)
            while minute.astimezone(zone).date() < day:
                minute += timedelta(minutes=1)
            found[name, day.isoformat(), "00:00"] = f"{minute:%Y-%m-%dT%H:%M:%SZ}"
    assert dict(zip(found, run("text/dates.js", IN_ZONES, [*found]), strict=True)) == found


def test_unknown_time_zone_becomes_utc(run):
    expression = "given.map(name => [m.setZone(name), m.instantOf('2030-06-12', '12:00')])"
    unknown = ["localtime", "posix/Europe/Berlin", "", "Mars/Olympus_Mons"]
    assert run("text/dates.js", expression, unknown) == [[False, NOON]] * len(unknown)
    assert run("text/dates.js", expression, ["Asia/Tokyo"]) == [[True, "2030-06-12T03:00:00Z"]]


DUE = [
    ({"due_date": "2030-06-12"}, "Today", False),
    ({"due_date": "2030-06-11"}, "Yesterday", True),
    ({"due_date": "2030-06-16"}, "Sunday", False),
    ({"due_date": "2031-01-01"}, "1 Jan 2031", False),
    ({"due_at": "2030-06-12T11:00:00Z"}, "Today, 13:00", True),
    ({"due_at": "2030-06-12T22:30:00Z"}, "Tomorrow, 00:30", False),
]


def test_due_dates_are_described_relative_to_today(run, subtests):
    tasks = [{"status": "todo", "due_date": None, "due_at": None, **due} for due, _, _ in DUE]
    results = run("text/dates.js", "given.map(task => [m.describeDue(task), m.isOverdue(task)])", tasks)
    for (due, words, overdue), found in zip(DUE, results, strict=True):
        with subtests.test(due=due):
            assert found == [words, overdue]


BASE = {"title": "Milk", "priority": "none", "labels": ["a"], "due_date": None, "due_at": None, "description": ""}
EDITS = [
    ({"title": "Oats"}, {}, []),
    ({"title": "Oats"}, {"priority": "high"}, []),
    ({"title": "Oats"}, {"title": "Oats"}, []),
    ({"title": "Oats"}, {"title": "Rice"}, ["title"]),
    ({"labels": ["b", "a"]}, {"labels": ["A", "B"]}, []),
    ({"due_date": "2030-01-01", "due_at": None}, {"due_at": "2030-01-01T00:00:00Z"}, ["due"]),
    ({"due_date": "2030-01-01"}, {"title": "Rice"}, []),
    ({"title": "Oats", "priority": "low"}, {"title": "Rice", "priority": "high"}, ["title", "priority"]),
]


def test_conflicts_are_fields_changed_to_different_values(run, subtests):
    edits = [[BASE, mine, {**BASE, **theirs}] for mine, theirs, _ in EDITS]
    results = run("data/merge.js", "given.map(edits => m.findConflicts(...edits))", edits)
    for (mine, theirs, fields), found in zip(EDITS, results, strict=True):
        with subtests.test(mine=mine, theirs=theirs):
            assert found == fields
