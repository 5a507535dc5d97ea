"""A copy of a user's rows that follows the change feed, and the rows of the server to compare it with."""

KINDS = {"task": "tasks", "project": "projects", "label": "labels"}


class FeedCopy:
    """The rows of a client that follows the change feed."""

    def __init__(self, client):
        self.client = client
        self.rows = {}
        self.cursor = None
        self.versions = []

    def follow(self, limit=100):
        """Read the feed to its end."""
        more = True
        while more:
            query = {"limit": limit} | ({"since": self.cursor} if self.cursor else {})
            response = self.client.get("/api/v1/changes", query_string=query)
            assert response.status_code == 200, response.text
            self._apply(response.json["changes"])
            self.cursor, more = response.json["cursor"], response.json["has_more"]
        return self

    def _apply(self, changes):
        for change in changes:
            if change["deleted"]:
                assert change["data"] is None
                self.rows.pop((change["type"], change["id"]), None)
            else:
                self.rows[change["type"], change["id"]] = change["data"]
                self.versions.append(change["data"]["version"])


def rows_of_server(client):
    """Return all rows outside the trash, as the lists show them."""
    rows = {}
    for kind, plural in KINDS.items():
        url = f"/api/v1/{plural}?limit=100"
        while url:
            response = client.get(url)
            rows |= {(kind, item["id"]): item for item in response.json["items"]}
            url = response.headers["Link"].split(">")[0].lstrip("<") if "Link" in response.headers else None
    return rows


def without_counts(rows):
    """Return rows without the counts of tasks, which change without a new version of the row."""
    return {
        key: {name: value for name, value in row.items() if not name.startswith("task_count")}
        for key, row in rows.items()
    }
