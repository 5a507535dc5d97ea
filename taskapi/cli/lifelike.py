"""Tasks as people have them, drawn from phrases."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from random import Random
from string import Formatter
from typing import Any

PHRASES = {
    "Call {person} about {matter}": "Best before noon. Ask for a date, and write it down.",
    "Write to {person} about {matter}": "Keep it short: what we need, by when, whom to ask.",
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
STATUSES_OF_THE_PAST = {"done": 75, "cancelled": 8, "in_progress": 7, "todo": 10}
STATUSES_TO_COME = {"todo": 70, "in_progress": 18, "done": 10, "cancelled": 2}


def lifelike_tasks(count: int, moment: datetime, random: Random) -> Iterator[dict[str, Any]]:
    """Yield the values of that many tasks; their due days lie around `moment`."""
    titles = [(title, description) for phrase, description in PHRASES.items() for title in _titles(phrase)]
    random.shuffle(titles)
    for number in range(count):
        title, description = titles[number % len(titles)]
        due = moment + timedelta(days=round(random.gauss(3, 14)))
        statuses = STATUSES_OF_THE_PAST if due < moment else STATUSES_TO_COME
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
