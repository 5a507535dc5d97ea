"""The web client: registration, sign-in and sign-out, sessions, passwords, administration."""

import secrets

import pytest
from conftest import PASSWORD
from playwright.sync_api import expect
from surface import needs
from web_client import expire, row, saved, sign_in_by_cookies

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

NEW_PASSWORD = "an entirely new horse battery"


def fill_in(page, **values):
    for label, value in values.items():
        page.get_by_label(label.replace("_", " "), exact=True).fill(value)


def test_registration_uses_the_browser_time_zone(browser, site, page):
    page.goto(site)
    page.get_by_role("button", name="Create an account").click()
    name = f"user-{secrets.token_hex(6)}"
    fill_in(page, Username=name, Password="password1234")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Password")).to_be_focused()
    fill_in(page, Password=PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("heading", name="Today").wait_for()
    page.get_by_role("link", name=name).click()
    zone = page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    expect(page.get_by_label("Time zone")).to_have_value(zone)


def test_registration_reports_all_errors_at_once(site, page, user):
    page.goto(site)
    page.get_by_role("button", name="Create an account").click()
    fill_in(page, Username="a b", Password="short")
    page.get_by_role("button", name="Create account").click()
    form = page.locator("form")
    expect(form).to_contain_text("Must have only letters a-z, digits, dots, underscores and hyphens.")
    expect(form).to_contain_text("Must have 12 to 128 characters.")
    expect(form.locator("[aria-invalid=true]")).to_have_count(2)
    expect(page.get_by_label("Username")).to_be_focused()
    fill_in(page, Username=user.username, Password=PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_label("Username")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Username")).to_have_accessible_description("The username is taken.")
    expect(form.locator("[aria-invalid=true]")).to_have_count(1)


def test_sign_in_reports_a_wrong_password(site, page, user):
    page.goto(site)
    fill_in(page, Username=user.username, Password="wrong horse battery")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("The username or password is wrong.")
    fill_in(page, Password=PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Today").wait_for()


def test_sign_out_deletes_cookies_and_reaches_other_tabs(visit, context):
    page, other = visit("account"), visit("today")
    page.get_by_role("button", name="Sign out", exact=True).click()
    for each in (page, other):
        each.get_by_role("heading", name="Sign in").wait_for()
    assert [cookie["name"] for cookie in context.cookies()] == ["device"]  # which is not a credential


def test_other_device_can_be_signed_out(user, visit):
    page = visit("account")
    devices = page.get_by_role("list", name="Devices").get_by_role("listitem")
    expect(devices).to_have_count(2)
    expect(devices.first).to_contain_text("This device")
    devices.nth(1).get_by_role("button").click()
    expect(devices).to_have_count(1)
    assert user.get("/api/v1/me").json["code"] == "token_revoked"


def test_password_change_invalidates_the_old_password(visit, user, client):
    page = visit("account")
    fill_in(page, Current_password="wrong horse battery", New_password=NEW_PASSWORD)
    page.get_by_role("button", name="Change password").click()
    current = page.get_by_label("Current password")
    expect(current).to_have_attribute("aria-invalid", "true")
    expect(current).to_have_accessible_description("This password is wrong.")
    expect(current).to_be_focused()
    expect(page.get_by_role("alert").filter(has_text="wrong")).to_have_count(0)
    fill_in(page, Current_password=PASSWORD, New_password=NEW_PASSWORD)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Password changed.")).to_be_visible()
    credentials = {"username": user.username, "password": PASSWORD}
    assert client.post("/api/v1/auth/login", json=credentials).status_code == 401
    assert client.post("/api/v1/auth/login", json={**credentials, "password": NEW_PASSWORD}).status_code == 200


def test_due_dates_follow_the_profile_time_zone(user, visit):
    user.post("/api/v1/tasks", json={"title": "Call", "due_at": "2031-03-01T23:30:00Z"})
    page = visit("account")
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    page.get_by_role("button", name="Save profile").click()
    page.get_by_text("Profile saved.").wait_for()
    page.get_by_role("link", name="All tasks").click()
    expect(row(page, "Call")).to_contain_text("2 Mar 2031, 08:30")


@needs("exports")
def test_account_data_can_be_downloaded(visit):
    page = visit("account")
    with page.expect_download() as download:
        page.get_by_role("button", name="All data as JSON").click()
    assert download.value.suggested_filename == "taskapi-export.json"


@needs("exports")
def test_project_can_be_downloaded(visit, user):
    project = user.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    for title, place in {"Water": project, "Call": None}.items():
        user.post("/api/v1/tasks", json={"title": title, "project_id": place})
    page = visit(f"project/{project}")
    page.get_by_role("button", name="Export project").press("Enter")
    dialog = page.get_by_role("dialog", name="Export “Garden”")
    with page.expect_download() as download:
        dialog.get_by_role("button", name="CSV").press("Enter")
    assert download.value.suggested_filename == "tasks.csv"
    table = download.value.path().read_text()
    assert ("Water" in table, "Call" in table) == (True, False)


def test_account_deletion_asks_for_the_password(visit, user, context, client):
    page = visit("account")
    expire(context)
    page.get_by_role("button", name="Delete account…").click()
    page.get_by_role("dialog", name="Delete your account?").get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Enter your password")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    credentials = {"username": user.username, "password": PASSWORD}
    assert client.post("/api/v1/auth/login", json=credentials).status_code == 401


def test_viewer_sees_no_write_controls(signed_in, visit):
    viewer = signed_in("viewer")
    page = visit("all", who=viewer)
    expect(page.get_by_label("Add a task")).to_have_count(0)
    expect(page.get_by_role("link", name="Administration")).to_have_count(0)


def test_admin_finds_a_user_and_changes_the_roles(signed_in, visit, context, site):
    admin, other = signed_in("admin"), signed_in(name="Charles")
    page = visit("admin/users", who=admin)
    page.get_by_label("Find users").fill(other.username)
    users = page.get_by_role("list", name="Users").get_by_role("listitem")
    expect(users).to_have_count(1)
    expire(context)  # a refreshed token is not fresh, so the page asks for the password
    users.get_by_role("button", name="Edit").click()
    page.get_by_label("editor").uncheck()
    page.get_by_label("viewer").check()
    page.get_by_role("button", name="Save").click()
    dialog = page.get_by_role("dialog", name="Enter your password")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Continue").click()
    expect(users).to_contain_text("viewer")
    assert other.get("/api/v1/me").json["code"] == "token_revoked"


def test_admin_creates_a_user_and_reads_log_and_statistics(signed_in, visit):
    page = visit("admin/users", who=signed_in("admin"))
    name = f"user-{secrets.token_hex(6)}"
    page.get_by_role("button", name="New user").click()
    fill_in(page, Username=name, Password=PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_label("Find users").fill(name)
    expect(page.get_by_role("list", name="Users").get_by_role("listitem")).to_have_count(1)
    page.get_by_role("link", name="Audit log").click()
    page.get_by_label("Event", exact=True).select_option("created")
    expect(page.get_by_role("list", name="Audit log").get_by_role("listitem").first).to_contain_text("Created")
    page.get_by_role("link", name="Statistics").click()
    expect(page.get_by_text("Active users")).to_be_visible()


def test_next_user_of_the_browser_sees_no_data_of_the_first(signed_in, visit, context, site, user):
    page = visit("all")
    context.set_offline(True)
    page.get_by_label("Add a task").fill("A secret")
    page.keyboard.press("Enter")
    page.close()
    context.set_offline(False)
    context.clear_cookies()
    other = signed_in()
    page = visit("all", who=other)
    expect(page.get_by_role("region", name="Three things to try")).to_be_visible()
    assert other.get("/api/v1/tasks").json["items"] == []
    context.clear_cookies()
    sign_in_by_cookies(context, site, user.username)
    page.reload()
    saved(page)
    assert [each["title"] for each in user.get("/api/v1/tasks").json["items"]] == ["A secret"]


def test_button_keeps_the_focus_after_its_action(user, visit):
    page = visit("account")
    button = page.get_by_role("button", name="Delete account…")
    button.press("Enter")
    page.get_by_role("dialog", name="Delete your account?").wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()
    for name, message in {"Sign out all other devices": "signed out.", "Save profile": "Profile saved."}.items():
        button = page.get_by_role("button", name=name)
        button.press("Enter")
        page.get_by_role("status").filter(has_text=message).wait_for()
        expect(button).to_be_enabled()
        expect(button).to_be_focused()


def test_double_click_acts_once(visit):
    page = visit("account")
    sent = []
    page.on("request", lambda request: request.method != "GET" and sent.append(request.method))
    for name, message in {"Sign out all other devices": "signed out.", "Save profile": "Profile saved."}.items():
        page.get_by_label("Name", exact=True).fill("Ada L.")
        button = page.get_by_role("button", name=name)
        button.evaluate("button => { button.click(); button.click(); }")
        page.get_by_role("status").filter(has_text=message).wait_for()
        expect(button).to_be_enabled()
    assert sent == ["DELETE", "PATCH"]


def test_profile_form_sends_only_changed_fields(user, visit):
    page = visit("account")
    user.patch("/api/v1/me", json={"email": "ada@example.org", "timezone": "Asia/Tokyo"})
    page.get_by_label("Name", exact=True).fill("Ada L.")
    page.get_by_role("button", name="Save profile").click()
    page.get_by_text("Profile saved.").wait_for()
    now = user.get("/api/v1/me").json
    assert (now["name"], now["email"], now["timezone"]) == ("Ada L.", "ada@example.org", "Asia/Tokyo")
    user.patch("/api/v1/me", json={"name": "Ada"})
    page.get_by_role("button", name="Save profile").click()
    expect(page.get_by_label("Name", exact=True)).to_be_enabled()
    page.get_by_label("Email").fill("countess@example.org")
    with page.expect_response(lambda response: response.request.method == "PATCH"):
        page.get_by_role("button", name="Save profile").click()
    now = user.get("/api/v1/me").json
    assert (now["name"], now["email"]) == ("Ada", "countess@example.org")


def test_user_dialog_sends_only_changed_fields(signed_in, visit):
    admin, other = signed_in("admin"), signed_in(name="Charles")
    path = f"/api/v1/admin/users/{other.get('/api/v1/me').json['id']}"
    page = visit("admin/users", who=admin)
    page.get_by_label("Find users").fill(other.username)
    users = page.get_by_role("list", name="Users").get_by_role("listitem")
    expect(users).to_have_count(1)
    users.get_by_role("button", name="Edit").click()
    assert admin.patch(path, json={"roles": ["viewer"], "active": False}).status_code == 200
    page.get_by_role("dialog").get_by_label("Name").fill("Charles B.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    now = admin.get(path).json
    assert (now["name"], now["roles"], now["active"]) == ("Charles B.", ["viewer"], False)
    users.get_by_role("button", name="Edit").click()
    page.get_by_label("Active").check()
    page.get_by_label("editor").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    now = admin.get(path).json
    assert (now["name"], now["roles"], now["active"]) == ("Charles B.", ["viewer", "editor"], True)


def test_profile_form_shows_a_conflict_and_reloads(user, visit):
    page = visit("account")
    user.patch("/api/v1/me", json={"name": "Ada B."})
    page.get_by_label("Name", exact=True).fill("Ada L.")
    page.get_by_role("button", name="Save profile").click()
    alert = page.get_by_role("alert").filter(has_text="This was changed elsewhere.")
    expect(alert).to_be_visible()
    assert user.get("/api/v1/me").json["name"] == "Ada B."
    alert.get_by_role("button", name="Reload").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Ada B.")
    page.get_by_label("Name", exact=True).fill("Ada L.")
    page.get_by_role("button", name="Save profile").click()
    page.get_by_text("Profile saved.").wait_for()
    assert user.get("/api/v1/me").json["name"] == "Ada L."


def test_user_dialog_shows_a_conflict_and_reloads(signed_in, visit):
    admin, other = signed_in("admin"), signed_in(name="Charles")
    path = f"/api/v1/admin/users/{other.get('/api/v1/me').json['id']}"
    page = visit("admin/users", who=admin)
    page.get_by_label("Find users").fill(other.username)
    users = page.get_by_role("list", name="Users").get_by_role("listitem")
    expect(users).to_have_count(1)
    users.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name=other.username)
    assert admin.patch(path, json={"roles": ["viewer"]}).status_code == 200
    dialog.get_by_label("admin").check()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("This was changed elsewhere.")
    assert admin.get(path).json["roles"] == ["viewer"]
    dialog.get_by_role("button", name="Reload").click()
    expect(dialog.get_by_label("viewer")).to_be_checked()
    expect(dialog.get_by_label("editor")).not_to_be_checked()
