"""Invalid requests: every route responds with the right 4xx, and never with a 5xx."""

import json
import time
from uuid import uuid4

import pytest
from surface import operations, routes, writable

from taskapi.api.blueprint import declaration

pytestmark = pytest.mark.slow

JSON = "application/json"
TASKS = "/api/v1/tasks"


def nested(depth):
    return b'{"title":' * (depth - 1) + b"[]" + b"}" * (depth - 1)


UNPARSEABLE = {
    "nothing": b"",
    "blank": b"  ",
    "half": b'{"title": "Milk"',
    "words": b"title=Milk",
    "single quotes": b"{'title': 'Milk'}",
    "trailing comma": b'{"title": "Milk",}',
    "two documents": b"{}{}",
    "two byte order marks": b'\xef\xbb\xbf\xef\xbb\xbf{"title": "Milk"}',
    "a name twice": b'{"title": "Milk", "title": "Oats"}',
    "a name twice, once escaped": b'{"title": "Milk", "\\u0074itle": "Oats"}',
    "a name twice, deeper": b'{"title": [{"a": 1, "b": 2, "a": 1}]}',
    "NaN": b'{"title": NaN}',
    "Infinity": b'{"title": Infinity}',
    "-Infinity": b'{"title": -Infinity}',
    "1e999": b'{"title": 1e999}',
    "-1e999": b'{"title": -1e999}',
    "5,000 digits": b'{"title": ' + b"9" * 5000 + b"}",
    "309 digits": b'{"title": ' + b"9" * 309 + b"}",
    "-5,000 digits": b'{"title": -' + b"9" * 5000 + b"}",
    "latin-1": '{"title": "Crème"}'.encode("latin-1"),
    "utf-16": '{"title": "Milk"}'.encode("utf-16"),
    "an encoded surrogate": b'{"title": "\xed\xa0\x80"}',
    "an overlong slash": b'{"title": "\xc0\xaf"}',
    "a raw NUL": b'{"title": "\x00"}',
    "a raw newline in a string": b'{"title": "a\nb"}',
    "65 levels": nested(65),
    "65 levels of lists": b"[" * 65 + b"]" * 65,
    "100,000 levels": b"[" * 100_000 + b"]" * 100_000,
    "100,000 levels that never end": b"[" * 100_000,
}


@pytest.fixture
def admin(signed_in):
    """A client with every permission."""
    return signed_in("admin")


@pytest.mark.parametrize("body", UNPARSEABLE.values(), ids=UNPARSEABLE)
def test_unparseable_body_is_400_on_every_route(app, admin, subtests, body):
    for operation in operations(app):
        if operation.body is None or not (body or operation.needs_body):
            continue
        with subtests.test(operation=f"{operation.method} {operation.path}"):
            response = admin.open(operation.path, method=operation.method, data=body, content_type=JSON)
            assert (response.status_code, response.json["code"]) == (400, "malformed_json")


@pytest.mark.parametrize(
    "body",
    [nested(64), b"[" * 64 + b"]" * 64, b'{"title": ' + b"9" * 300 + b"}", b'{"title": 1e308}'],
    ids=["64 levels", "64 lists", "300 digits", "1e308"],
)
def test_body_within_the_limits_is_parsed(admin, body):
    assert admin.post(TASKS, data=body, content_type=JSON).status_code == 422


def test_duplicate_name_is_reported_by_name_and_shortened(admin):
    response = admin.post(TASKS, data=b'{"title": "a", "' + b"x" * 9000 + b'": 1, "title": 2}', content_type=JSON)
    assert "'title'" in response.json["detail"]
    response = admin.post(TASKS, data=b'{"%b": 1, "%b": 2}' % (b"x" * 9000, b"x" * 9000), content_type=JSON)
    assert len(response.data) < 1000


def test_duplicate_names_are_found_in_linear_time(admin):
    names = b",".join(b'"%d":0' % i for i in range(60_000))
    started = time.perf_counter()
    response = admin.post(TASKS, data=b"{" + names + b',"59999":0}', content_type=JSON)
    assert (response.status_code, response.json["code"]) == (400, "malformed_json")
    assert time.perf_counter() - started < 5


def test_byte_order_mark_before_json_is_accepted(admin):
    response = admin.post(TASKS, data=b'\xef\xbb\xbf{"title": "Milk"}', content_type=JSON)
    assert (response.status_code, response.json["title"]) == (201, "Milk")


def test_brackets_in_text_do_not_count_as_nesting(admin):
    assert admin.post(TASKS, json={"title": "[" * 100, "description": "{" * 1000}).status_code == 201


@pytest.mark.parametrize("body", [b"null", b"true", b"1", b'"title"', b"[]", b'[{"title": "Milk"}]'])
def test_body_that_is_not_an_object_is_422_on_every_route(app, admin, subtests, body):
    for operation in operations(app):
        if operation.body is None or operation.body.get("type") != "object":
            continue
        with subtests.test(operation=f"{operation.method} {operation.path}"):
            response = admin.open(operation.path, method=operation.method, data=body, content_type=JSON)
            assert (response.status_code, response.json["code"]) == (422, "validation_failed")


WRONG_TYPES = [
    None, "", "text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    "application/jsonp", "application/json; charset=utf-16", "application/json; charset=latin-1", "json",
    "a/b/c, ;;=",
]  # fmt: skip


@pytest.mark.parametrize("content_type", WRONG_TYPES)
def test_body_of_another_type_is_415_on_every_route(app, admin, subtests, content_type):
    for operation in operations(app):
        if operation.body is None:
            continue
        with subtests.test(operation=f"{operation.method} {operation.path}"):
            response = admin.open(operation.path, method=operation.method, data=b"{}", content_type=content_type)
            assert (response.status_code, response.json["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json;charset=utf-8", 'application/json; charset="UTF-8"'],
)
def test_json_media_type_is_accepted_in_each_spelling(admin, content_type):
    assert admin.post(TASKS, data=b'{"title": "Milk"}', content_type=content_type).status_code == 201


@pytest.mark.parametrize("coding", ["gzip", "br", "identity", "nonsense"])
def test_body_with_content_encoding_is_415(admin, coding):
    response = admin.post(TASKS, json={"title": "Milk"}, headers={"Content-Encoding": coding})
    assert response.status_code == 415


def test_merge_patch_is_accepted_by_patch_only(admin):
    task = admin.post(TASKS, json={"title": "Milk"}).json
    merge_patch = {"data": b'{"title": "Oat milk"}', "content_type": "application/merge-patch+json"}
    assert admin.patch(f"{TASKS}/{task['id']}", **merge_patch).status_code == 200
    assert admin.post(TASKS, **merge_patch).status_code == 415


def test_unknown_field_is_422_on_every_route(app, admin, subtests):
    for operation in operations(app):
        if operation.body is None:
            continue
        with subtests.test(operation=f"{operation.method} {operation.path}"):
            response = admin.open(operation.path, method=operation.method, json={"nonsense": 1})
            assert response.status_code == 422
            assert response.json["errors"]["json"]["nonsense"] == ["Unknown field."]


def test_unknown_query_parameter_is_422_on_every_route(app, signed_in, subtests):
    for route in routes(app):
        if not route.path.startswith("/api/") and declaration(app.view_functions[route.endpoint]).accepts_query:
            continue  # a page for people, whose links gather parameters on their way
        with subtests.test(route=f"{route.method} {route.rule}"):
            response = signed_in("admin").open(route.path, method=route.method, json={}, query_string={"nonsense": "1"})
            assert response.status_code == 422
            assert response.json["errors"]["query"]["nonsense"] == ["Unknown field."]


@pytest.mark.parametrize("query", ["%FF", "q=%FF", "%FF=1", "q=%ED%A0%80", "%ED%A0%80=1", "q=%C0%AF"])
def test_query_that_is_not_utf_8_is_400(admin, query):
    response = admin.get(f"{TASKS}?{query}")
    assert (response.status_code, response.json["code"]) == (400, "malformed_request")


@pytest.mark.parametrize("query", ["q=\xff", "q=%E4\xbd\xa0", "\xff"])
def test_query_of_raw_bytes_is_400(admin, query):
    response = admin.get(TASKS, environ_overrides={"QUERY_STRING": query})  # which WSGI has in Latin-1
    assert (response.status_code, response.json["code"]) == (400, "malformed_request")


@pytest.mark.parametrize("query", ["", "&", "&&"])
def test_empty_query_is_accepted(admin, query):
    assert admin.get(f"/api/v1/me?{query}").status_code == 200


def test_repeated_parameter_is_422_unless_it_is_a_list(app, admin, subtests):
    assert admin.get(f"{TASKS}?status=todo&status=done").status_code == 200
    for operation in operations(app):
        for name, schema in operation.query.items():
            if schema.get("type") == "array":
                continue
            with subtests.test(operation=f"{operation.method} {operation.path}", parameter=name):
                response = admin.open(f"{operation.path}?{name}=1&{name}=1", method=operation.method)
                assert response.status_code == 422
                assert name in response.json["errors"]["query"]


def test_repeatable_parameter_may_be_written_with_brackets(app, admin, subtests):
    """axios writes an array as `a[]=1&a[]=2`."""
    for operation in operations(app):
        for name, schema in operation.query.items():
            if schema.get("type") != "array" or operation.needs_body:
                continue
            with subtests.test(operation=f"{operation.method} {operation.path}", parameter=name):
                text = str(uuid4()) if schema["items"].get("format") == "uuid" else "home"
                value = schema["items"].get("enum", [text])[0]
                plain = admin.open(operation.path, method=operation.method, query_string={name: [value, value]})
                brackets = admin.open(operation.path, method=operation.method, query_string={f"{name}[]": [value] * 2})
                mixed = admin.open(
                    operation.path, method=operation.method, query_string={f"{name}[]": value, name: value}
                )
                assert plain.status_code == 200
                assert plain.json == brackets.json == mixed.json


def test_brackets_filter_and_page_like_plain_names(admin):
    for i in range(4):
        admin.post(TASKS, json={"title": str(i), "status": ["todo", "done", "cancelled", "todo"][i]})
    page = admin.get(f"{TASKS}?status[]=todo&status%5B%5D=done&limit=2&sort=title")
    assert [task["title"] for task in page.json["items"]] == ["0", "1"]
    rest = admin.get(f"{TASKS}?status=todo&status=done&limit=2&sort=title&cursor={page.json['next_cursor']}")
    assert [task["title"] for task in rest.json["items"]] == ["3"]


def test_brackets_on_a_single_parameter_are_an_unknown_field(admin):
    for name in ("limit[]", "status[0]", "status[", "q[]"):
        response = admin.get(TASKS, query_string={name: "1"})
        assert response.status_code == 422
        assert response.json["errors"]["query"][name] == ["Unknown field."]


def test_empty_value_of_an_optional_parameter_means_absent(app, admin, subtests):
    admin.post(TASKS, json={"title": "Milk"})
    for operation in operations(app):
        if operation.method != "GET":
            continue
        for name, schema in operation.query.items():
            with subtests.test(operation=operation.path, parameter=name):
                written = f"{name}[]" if schema.get("type") == "array" else name
                without = admin.get(operation.path)
                without.close()  # the next stream
                response = admin.get(operation.path, query_string={written: ""})
                assert response.status_code == without.status_code
                if response.mimetype == JSON and "activity" not in operation.path:
                    assert response.json.keys() == without.json.keys()
                    assert len(response.json.get("items", ())) == len(without.json.get("items", ()))


def test_empty_permanent_moves_to_the_trash(admin):
    for query in ("?permanent=", "?permanent=false", ""):
        task = admin.post(TASKS, json={"title": "Milk"})
        assert admin.delete(task.headers["Location"] + query).status_code == 204
        assert admin.get(task.headers["Location"]).json["deleted_at"]


def test_query_booleans_are_true_or_false(app, admin, subtests):
    for operation in operations(app):
        for name, schema in operation.query.items():
            if schema.get("type") != "boolean":
                continue
            for value in ("1", "yes", "True", "TRUE", "on", "null", "0"):
                with subtests.test(operation=f"{operation.method} {operation.path}", parameter=name, value=value):
                    response = admin.open(operation.path, method=operation.method, query_string={name: value})
                    assert response.status_code == 422
                    assert name in response.json["errors"]["query"]


@pytest.mark.parametrize("value", [1, 0, 1.0, "true", "false", "", None, [], {}])
def test_body_booleans_are_true_or_false(app, admin, subtests, value):
    for operation in operations(app):
        for name in (name for name, s in writable(operation.body or {}).items() if s.get("type") == "boolean"):
            with subtests.test(operation=f"{operation.method} {operation.path}", field=name):
                response = admin.open(operation.path, method=operation.method, json={name: value})
                assert response.status_code == 422
                assert name in response.json["errors"]["json"]


def test_false_turns_a_switch_off(admin):
    task = admin.post(TASKS, json={"title": "Milk"}).json
    for query in ("deleted=false", "overdue=false", "deleted=false&overdue=false"):
        assert [each["id"] for each in admin.get(f"{TASKS}?{query}").json["items"]] == [task["id"]]
    assert admin.get(f"{TASKS}?deleted=true").json["items"] == []


def test_error_lists_at_most_100_messages(admin):
    body = {f"field{i}": 1 for i in range(180)}
    response = admin.post(TASKS, json=body)
    listed = response.json["errors"]["json"]
    assert response.status_code == 422
    assert sum(map(len, listed.values())) == 100
    assert response.json["errors_omitted"] == 81  # and the missing title
    assert len(response.data) < 64 * 1024


@pytest.mark.parametrize("name", ["x" * 150, "\x01" * 150, "\U0001f4a9" * 150, "\ud800" * 150])
def test_error_body_is_under_64_kib_whatever_the_names(admin, name):
    body = json.dumps({f"{i}{name}": 1 for i in range(150)} | {"title": 1})
    response = admin.post(TASKS, data=body, content_type=JSON)
    assert response.status_code == 422
    assert len(response.data) < 64 * 1024


def test_error_body_is_under_64_kib_for_a_long_query(admin):
    response = admin.get(TASKS, query_string="&".join(f"{'%01' * 20}{i}=1" for i in range(900)))
    assert response.status_code == 422
    assert len(response.data) < 64 * 1024
    assert sum(map(len, response.json["errors"]["query"].values())) == 100


def test_unknown_fields_are_named_in_the_detail(admin):
    response = admin.post(TASKS, json={"title": "Milk", "colour": "red", "tags": []})
    assert response.json["errors"]["json"] == {"colour": ["Unknown field."], "tags": ["Unknown field."]}
    assert response.json["detail"] == "The request has invalid values: colour, tags."


NO_TEXT = {
    "NUL": "a\x00b",
    "a lone surrogate": "a\ud800b",
    "its other half": "\udfff",
    "escape": "a\x1bb",
    "C1": "\x9b",
}


@pytest.mark.parametrize("text", NO_TEXT.values(), ids=NO_TEXT)
def test_invalid_text_is_422_in_every_field(app, admin, subtests, text):
    for operation in operations(app):
        for name in writable(operation.body or {}):
            with subtests.test(operation=f"{operation.method} {operation.path}", field=name):
                body = json.dumps({name: text})  # as \u escapes, where a surrogate can stand alone
                response = admin.open(operation.path, method=operation.method, data=body, content_type=JSON)
                assert response.status_code == 422
                assert name in response.json["errors"]["json"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("a\r\nb\rc\nd", "a\nb\nc\nd"), ("\r\n\r\n", "\n\n"), ("\r\r\n", "\n\n"), (" \ta\t\r\n ", " \ta\t\n ")],
)
def test_carriage_returns_become_line_feeds(admin, given, kept):
    task = admin.post(TASKS, json={"title": "Milk", "description": given})
    assert admin.get(task.headers["Location"]).json["description"] == task.json["description"] == kept
    assert admin.patch(task.headers["Location"], json={"description": given}).json["version"] == task.json["version"]
    project = admin.post("/api/v1/projects", json={"name": f"Garden {given!r}", "description": given})
    assert project.json["description"] == kept


def test_length_is_counted_after_line_breaks_are_unified(admin):
    assert admin.post(TASKS, json={"title": "Milk", "description": "\r\n" * 20_000}).status_code == 201
    assert admin.post(TASKS, json={"title": "Milk", "description": "\r\n" * 20_001}).status_code == 422


@pytest.mark.parametrize("text", ["a\rb", "a\r\nb", "a\nb"])
def test_line_breaks_within_one_line_fields_are_422(app, admin, subtests, text):
    for path, name in ((TASKS, "title"), ("/api/v1/projects", "name"), ("/api/v1/labels", "name")):
        with subtests.test(field=f"{path} {name}"):
            assert admin.post(path, json={name: text}).status_code == 422
            assert admin.post(path, json={name: f"\r\n{text[0]}\r\n"}).json[name] == "a"


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\x1b", "\x7f"])
def test_invalid_text_is_422_in_every_parameter(app, admin, subtests, text):
    for operation in operations(app):
        for name in operation.query:
            if name == "cursor":
                continue  # a broken cursor is 400, whatever it is broken by
            with subtests.test(operation=f"{operation.method} {operation.path}", parameter=name):
                response = admin.open(operation.path, method=operation.method, query_string={name: text})
                assert response.status_code == 422


@pytest.mark.parametrize("name", ["a\x00b", "\ud800", "\x1b[2J", "", "_schema", "a" * 5000, "title\x00"])
def test_field_with_an_unusual_name_is_an_unknown_field(app, admin, subtests, name):
    for operation in operations(app):
        if operation.body is None:
            continue
        with subtests.test(operation=f"{operation.method} {operation.path}"):
            body = json.dumps({name: 1})
            response = admin.open(operation.path, method=operation.method, data=body, content_type=JSON)
            assert response.status_code == 422
            assert response.json["errors"]["json"]


ODD_VALUES = [
    None, True, 0, -1, 2**31, -(2**31) - 1, 2**63, -(2**63) - 1, 2**64, 10**300, 1.5, 1e308, -0.0, "", " ", "x",
    "x" * 70_000, "../../etc/passwd", "' OR 1=1 --", "%", "\u202e", "\U0001f4a9", "e\u0301" * 60, [], [[]], [None],
    ["x"] * 101, {}, {"a": {}},
]  # fmt: skip


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: repr(value)[:20])
def test_no_value_of_a_field_is_a_server_error(app, signed_in, subtests, value):
    client = signed_in("admin")
    for operation in operations(app):
        for name in writable(operation.body or {}):
            with subtests.test(operation=f"{operation.method} {operation.path}", field=name):
                response = client.open(
                    operation.path, method=operation.method, data=json.dumps({name: value}), content_type=JSON
                )
                assert response.status_code < 500


ODD_PARAMETERS = [
    "", " ", "-1", "0", "101", "2147483648", "-2147483649", "9223372036854775808", "9" * 5000, "NaN", "1e999", "٣",
    "1.0", "true", "false", "null", "%", "_", "\\", "'", "x" * 3000, "\u202e", "\U0001f4a9", "0001-01-01",
    "9999-12-31", "10000-01-01", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00Z",
    "00000000-0000-0000-0000-000000000000", "-", ",", "title,title",
]  # fmt: skip


@pytest.mark.parametrize("value", ODD_PARAMETERS, ids=lambda value: value[:20])
def test_no_value_of_a_parameter_is_a_server_error(app, admin, subtests, value):
    for operation in operations(app):
        for name in operation.query:
            with subtests.test(operation=f"{operation.method} {operation.path}", parameter=name):
                response = admin.open(operation.path, method=operation.method, query_string={name: value})
                assert response.status_code < 500


@pytest.mark.parametrize(
    "limit", ["0", "-1", "101", "2147483648", "9223372036854775808", "9" * 50, "1.0", "1e2", " ", "x", "٣"]
)
def test_limit_out_of_range_is_422_on_every_list(app, admin, subtests, limit):
    for operation in operations(app):
        if "limit" not in operation.query:
            continue
        with subtests.test(operation=f"{operation.method} {operation.path}"):
            response = admin.open(operation.path, method=operation.method, query_string={"limit": limit})
            assert response.status_code == 422
            assert "limit" in response.json["errors"]["query"]


NO_INSTANTS = {
    "naive": "2030-01-31T09:00:00",
    "a day": "2030-01-31",
    "before 1970": "1969-12-31T23:59:59Z",
    "before 1970 by its offset": "1970-01-01T00:30:00+01:00",
    "after 9999": "10000-01-01T00:00:00Z",
    "after 9999 by its offset": "9999-12-31T23:30:00-01:00",
    "year 0": "0000-01-01T00:00:00Z",
    "30 February": "2030-02-30T09:00:00Z",
    "25 o'clock": "2030-01-31T25:00:00Z",
    "an offset of 25 hours": "2030-01-31T09:00:00+25:00",
    "an offset without colon": "2030-01-31T09:00:00+0100",
    "a week": "2030-W05-4T09:00:00Z",
    "basic form": "20300131T090000Z",
    "without seconds": "2030-01-31T09:00Z",
    "Arabic digits": "٢٠٣٠-01-31T09:00:00Z",
    "a number": 1896080400,
    "words": "tomorrow",
    "two": "2030-01-31T09:00:00Z2030-01-31T09:00:00Z",
    "with a newline": "2030-01-31T09:00:00Z\n",
}


@pytest.mark.parametrize("instant", NO_INSTANTS.values(), ids=NO_INSTANTS)
def test_invalid_instant_is_422_in_every_field(app, admin, subtests, instant):
    for operation in operations(app):
        fields = {n for n, s in writable(operation.body or {}).items() if s.get("format") == "date-time"}
        for name in fields:
            with subtests.test(operation=f"{operation.method} {operation.path}", field=name):
                response = admin.open(operation.path, method=operation.method, json={name: instant})
                assert response.status_code == 422
                assert name in response.json["errors"]["json"]
        for name in (n for n, s in operation.query.items() if s.get("format") == "date-time"):
            with subtests.test(operation=f"{operation.method} {operation.path}", parameter=name):
                response = admin.open(operation.path, method=operation.method, query_string={name: instant})
                assert response.status_code == 422


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("2030-01-31T09:00:00Z", "2030-01-31T09:00:00Z"),
        ("2030-01-31T09:00:00z", "2030-01-31T09:00:00Z"),
        ("2030-01-31t09:00:00.25+05:45", "2030-01-31T03:15:00.250000Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_instant_is_returned_in_utc(admin, given, shown):
    created = admin.post(TASKS, json={"title": "Milk", "due_at": given})
    assert created.json["due_at"] == shown
    assert admin.get(created.headers["Location"]).json["due_at"] == shown


@pytest.mark.parametrize(
    "day", ["1969-12-31", "10000-01-01", "2030-02-30", "2030-1-1", "20300101", "2030-W05-4", 1, "", "٢٠٣٠-01-31"]
)
def test_invalid_day_is_422(admin, day):
    response = admin.post(TASKS, json={"title": "Milk", "due_date": day})
    assert "due_date" in response.json["errors"]["json"]
