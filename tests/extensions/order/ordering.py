"""What the tests of the manual order share."""


def move(client, task_id, /, if_match=None, **place):
    """Move a task; return the response."""
    headers = {"If-Match": if_match} if if_match else {}
    return client.post(f"/api/v1/tasks/{task_id}/move", json=place, headers=headers)


def listed(client, limit=100, **group):
    """Return the tasks of a group by position, from all pages. Without a project or parent, those with neither."""
    without = [name for name in ("project", "parent") if f"{name}_id" not in group and "parent_id" not in group]
    query = {"sort": "position", "limit": limit, "without": without, **group}
    items = []
    cursor = {}
    while cursor is not None:
        page = client.get("/api/v1/tasks", query_string=query | cursor).json
        items += page["items"]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    return items


def order(client, **group):
    """Return the ids of a group by position."""
    return [item["id"] for item in listed(client, **group)]
