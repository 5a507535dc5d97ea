"""Create calendar addresses, and read what is at them."""

from urllib.parse import urlsplit

from icalendar import Calendar

CALENDARS = "/api/v1/me/calendars"


def create(client, **fields):
    """Create a calendar address of the client's user; return the response body."""
    response = client.post(CALENDARS, json={"name": "My tasks", **fields})
    assert response.status_code == 201, response.text
    return response.json


def path_of(calendar):
    """Return the path of its URL."""
    return urlsplit(calendar["url"]).path


def read(anyone, calendar, **headers):
    """Read a calendar without signing in, to its end, so that the next request may start."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = anyone.get(path_of(calendar), headers=named)
    response.get_data()
    return response


def components(anyone, calendar, kind):
    """Return the to-dos or events of a calendar, by summary."""
    response = read(anyone, calendar)
    assert response.status_code == 200, response.text
    return {str(each["SUMMARY"]): each for each in Calendar.from_ical(response.data).walk(kind)}
