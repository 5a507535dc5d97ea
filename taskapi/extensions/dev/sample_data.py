"""flask seed: an account with sample tasks."""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from random import Random
from string import Formatter
from typing import Any
from zoneinfo import ZoneInfo

import click
from flask.cli import with_appcontext
from sqlalchemy import exists, select
from uuid_utils.compat import uuid7

from taskapi.auth.schemas import RegisterSchema
from taskapi.cli.command import Command
from taskapi.database import db, now, rls_user
from taskapi.resources.ownership import lock_owner
from taskapi.tasks.edit import insert_tasks
from taskapi.tasks.models import new_row
from taskapi.users.models import User, create_user

PHRASES = {
    "Call {person} about {matter}": "Best before noon. Ask for a date, and write it down.",
    "Write to {person} about {matter}": "Keep it short: what we need, by when, who can help.",
    "Prepare the meeting on {matter} with {person}": "- last time's notes\n- open questions\n- who decides",
    "Send {person} the figures for {matter}": "The table of last quarter will do.",
    "Review {person}'s draft on {matter}": "Comments in the margin, a verdict on top.",
    "Book {booking} for the trip to {city}": "Window seat if there is one. Receipt to the office.",
    "Find out what is on in {city}": "Museums close on Mondays.",
    "Pay {bill}": "The reference number is on the back.",
    "Look for a better offer than {bill}": "Three offers, same terms, before the notice period ends.",
    "Buy {goods}": "",
    "Take {goods} to {person}": "They are home after six.",
    "Repair {broken}": "First try what the manual says.",
    "Ask {person} to look at {broken}": "Photos are on the phone.",
    "Clean {place}": "",
    "Plan {event}": "Guests, food, music, and who brings what.",
    "Thank {person} for {event}": "A card, not a message.",
    "Read {reading}": "Notes go into the folder “Reading”.",
    "Learn {skill}": "Half an hour a day is enough to begin with.",
}
SLOTS = {
    "person": ["Amira", "Björn", "Chiara", "Devon", "Ewa", "Fatou", "Grandma", "Hélène", "Ines", "Jun", "Kofi", "Liam"],
    "matter": ["the budget", "the new website", "the contract", "the moving date", "the survey", "the summer party"],
    "booking": ["a hotel", "a train", "a table for six", "a bicycle", "a guide"],
    "city": ["Lisbon", "Kraków", "Nairobi", "Kyoto", "Tromsø", "Valparaíso", "Montréal"],
    "bill": ["the rent", "the electricity bill", "the phone bill", "the car insurance", "the library's fine"],
    "goods": ["oat milk", "a birthday present", "printer paper", "running shoes", "basil", "light bulbs", "stamps"],
    "broken": ["the bicycle", "the dripping tap", "the kitchen shelf", "the laptop's hinge", "the garden gate"],
    "place": ["the fridge", "the balcony", "the windows", "the cellar", "the inbox"],
    "event": ["the farewell dinner", "Saturday's hike", "the housewarming", "the school play", "movie night"],
    "reading": ["the lease", "“Walden”", "the minutes of May", "the paper on sleep", "the team's handbook"],
    "skill": ["a song on the guitar", "the past tense in Portuguese", "to bake sourdough", "the backhand"],
}
PRIORITIES = {"none": 40, "low": 15, "medium": 25, "high": 15, "urgent": 5}
PAST_STATUSES = {"done": 75, "cancelled": 8, "in_progress": 7, "todo": 10}
FUTURE_STATUSES = {"todo": 70, "in_progress": 18, "done": 10, "cancelled": 2}


@click.command("seed", cls=Command)
@click.argument("name", default="demo")
@click.option("--tasks", "count", type=click.IntRange(1, 1000), default=200, show_default=True, help="How many tasks.")
@with_appcontext
def seed(name: str, count: int) -> None:
    """Create the account NAME (demo) with sample tasks, and print its password once."""
    username = RegisterSchema(only=["username"]).load({"username": name})["username"]
    if db.session.execute(select(exists().where(User.username == username))).scalar():
        click.echo(
            f"The account {username} already exists; nothing was changed. `flask seed NAME` creates another one."
        )
        return
    password = secrets.token_urlsafe(12)
    fill(create_user(username, password, name=username.capitalize()), count)
    db.session.commit()
    click.echo(f"Created an account with {count} tasks. Its password is shown only now.")
    click.echo(f"username: {username}\npassword: {password}")


def fill(user: User, count: int) -> None:
    """Add `count` tasks for a user, with due days around today."""
    with rls_user(user.id):
        version = lock_owner(user.id, count, tasks=count).value - count
        moment, zone = now(), ZoneInfo(user.timezone)
        samples = sample_tasks(count, moment, Random(str(user.id)))  # noqa: S311 - nothing secret is drawn
        fixed = {"owner_id": user.id, "created_at": moment, "updated_at": moment}
        insert_tasks(
            [
                new_row(values, zone, **fixed, id=task_id, position=task_id.hex, version=version + number)
                for number, (task_id, values) in enumerate(((uuid7(), values) for values in samples), 1)
            ]
        )


def sample_tasks(count: int, moment: datetime, random: Random) -> Iterator[dict[str, Any]]:
    """Yield the values of `count` tasks, with due dates around `moment`."""
    titles = [(title, description) for phrase, description in PHRASES.items() for title in _titles(phrase)]
    random.shuffle(titles)
    for number in range(count):
        title, description = titles[number % len(titles)]
        due = moment + timedelta(days=round(random.gauss(3, 14)))
        statuses = PAST_STATUSES if due < moment else FUTURE_STATUSES
        yield {
            "title": title,
            "description": description if random.random() < 0.7 else "",
            "status": _draw(statuses, random),
            "priority": _draw(PRIORITIES, random),
            **_due(due, random),
        }


def _titles(phrase: str) -> Iterator[str]:
    slots = [slot for _, slot, _, _ in Formatter().parse(phrase) if slot]
    for words in product(*(SLOTS[slot] for slot in slots)):
        yield phrase.format(**dict(zip(slots, words, strict=True)))


def _draw(weights: dict[str, int], random: Random) -> str:
    return random.choices([*weights], [*weights.values()])[0]


def _due(due: datetime, random: Random) -> dict[str, Any]:
    """Most tasks are due on a day, some at an hour, some never."""
    kind = _draw({"day": 60, "hour": 20, "never": 20}, random)
    if kind == "hour":
        return {"due_at": due.replace(hour=random.randrange(7, 20), minute=random.choice([0, 15, 30]), second=0)}
    return {"due_date": due.date()} if kind == "day" else {}
