"""A copy that follows /changes, and the truth to compare it with."""

KINDS = {"task": "tasks", "project": "projects", "label": "labels"}


class Copy:
    """What somebody knows who follows the feed."""

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
            answer = self.client.get("/api/v1/changes", query_string=query)
            assert answer.status_code == 200, answer.text
            self._take(answer.json["changes"])
            self.cursor, more = answer.json["cursor"], answer.json["has_more"]
        return self

    def _take(self, changes):
        for change in changes:
            if change["deleted"]:
                assert change["data"] is None
                self.rows.pop((change["type"], change["id"]), None)
            else:
                self.rows[change["type"], change["id"]] = change["data"]
                self.versions.append(change["data"]["version"])


def truth(client):
    """Return all live rows, as the lists show them."""
    rows = {}
    for kind, plural in KINDS.items():
        url = f"/api/v1/{plural}?limit=100"
        while url:
            answer = client.get(url)
            rows |= {(kind, item["id"]): item for item in answer.json["items"]}
            url = answer.headers["Link"].split(">")[0].lstrip("<") if "Link" in answer.headers else None
    return rows


def without_counts(rows):
    """Leave out the counts, whose changes are no changes of the row."""
    return {
        key: {name: value for name, value in row.items() if not name.startswith("task_count")}
        for key, row in rows.items()
    }
