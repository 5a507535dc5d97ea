"""`flask db shard`: what it prints is whole, runs, and leaves every key as it was. Functions stand in for Citus."""

import pytest
import sqlalchemy as sa
from cluster import CITUS_URL
from conftest import TEST_DATABASE_URL
from flask_migrate import upgrade

from taskapi.database import READER, db, owned_tables, rls_status
from taskapi.users.models import create_user

pytestmark = pytest.mark.skipif(CITUS_URL is not None, reason="the cluster has the functions that are replaced here")
postgresql = pytest.mark.skipif(TEST_DATABASE_URL is None, reason="Citus is PostgreSQL's")
# As strict as Citus: no key to or from what moves; and, as only the owner would notice, no row hidden from the move
CITUS = """
CREATE TABLE pg_dist_partition (logicalrelid regclass PRIMARY KEY, by text, beside text);
CREATE TABLE pg_dist_node (groupid integer);
INSERT INTO pg_dist_node VALUES (0), (1);
CREATE FUNCTION move(name text, by text, beside text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND name::regclass IN (conrelid, confrelid)) THEN
        RAISE EXCEPTION 'there are foreign keys at %', name;
    END IF;
    IF (SELECT relforcerowsecurity FROM pg_class WHERE oid = name::regclass) THEN
        RAISE EXCEPTION 'the rows of % are hidden', name;
    END IF;
    INSERT INTO pg_dist_partition VALUES (name::regclass, by, beside);
END $$;
CREATE FUNCTION create_reference_table(name text) RETURNS void LANGUAGE sql AS $$ SELECT move(name, '', '') $$;
CREATE FUNCTION create_distributed_table(name text, by text, colocate_with text) RETURNS void LANGUAGE sql
    AS $$ SELECT move(name, by, colocate_with) $$;
CREATE FUNCTION truncate_local_data_after_distributing_table(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = name::regclass) THEN
        RAISE EXCEPTION '% is not distributed', name;
    END IF;
    EXECUTE 'TRUNCATE ' || name;  -- fails while there are foreign keys to it
END $$;
"""
SETTING = "options=-c%20citus.propagate_set_commands%3Dlocal"
KEYS = "SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f'"


@pytest.fixture
def scratch(make_app, new_database):
    """An application on a migrated database of its own."""
    url = new_database()
    app = make_app(DATABASE_URL=f"{url}?{SETTING}" if TEST_DATABASE_URL else url)
    with app.app_context():
        upgrade(revision="heads")
    return app


@pytest.fixture
def citus(scratch):
    """The same, with what stands in for Citus."""
    execute(scratch, CITUS)
    return scratch


def execute(app, sql):
    with app.app_context(), db.engines[READER].connect() as connection:
        connection.connection.driver_connection.execute(sql, prepare=False)


def rows(app, sql):
    with app.app_context(), db.engines[READER].connect() as connection:
        return sorted(map(tuple, connection.execute(sa.text(sql)).all()))


def shard(app, *options):
    return app.test_cli_runner().invoke(args=["db", "shard", *options])


def placed(app):
    found = rows(app, "SELECT logicalrelid::text, by, beside FROM pg_dist_partition")
    return {name: (by, beside) for name, by, beside in found}


@postgresql
def test_every_table_has_its_place(citus):
    assert shard(citus, "--apply").exit_code == 0
    first, *others = (table.name for table in owned_tables())
    owned = {first: ("owner_id", "none")} | dict.fromkeys(others, ("owner_id", first))
    assert placed(citus) == {"users": ("", ""), **owned}


@postgresql
def test_keys_and_policies_are_afterwards_as_they_were_before(citus):
    before = rows(citus, KEYS)
    assert shard(citus, "--apply").exit_code == 0
    assert rows(citus, KEYS) == before
    with citus.app_context():
        assert rls_status(db.session.connection()) == (True, "in force")


@postgresql
def test_printed_statements_are_the_executed_ones(citus):
    printed = shard(citus).output
    assert placed(citus) == {}
    execute(citus, printed)
    assert placed(citus).keys() == {"users"} | {table.name for table in owned_tables()}
    assert shard(citus, "--apply").output == printed


@postgresql
def test_interrupted_sharding_continues(citus):
    before = rows(citus, KEYS)
    statements = shard(citus).output.splitlines()
    for done in (5, 15, 22, len(statements) - 4):
        execute(citus, "\n".join(statements[:done]))
    assert shard(citus, "--apply").exit_code == 0
    assert rows(citus, KEYS) == before


def test_sharding_without_citus_changes_nothing(scratch):
    result = shard(scratch, "--apply")
    assert result.exit_code == 1
    assert result.output.startswith("Error: This database does not have Citus; nothing was changed.")


@postgresql
def test_sharding_needs_all_migrations(make_app, new_database):
    app = make_app(DATABASE_URL=f"{new_database()}?{SETTING}")
    execute(app, CITUS)
    result = shard(app, "--apply")
    assert (result.exit_code, result.output[:37]) == (1, "Error: The schema is at nothing, and ")


@postgresql
def test_sharding_needs_propagated_settings(make_app, new_database):
    app = make_app(DATABASE_URL=new_database())
    execute(app, CITUS)
    result = shard(app, "--apply")
    assert (result.exit_code, "first run: ALTER DATABASE" in result.output) == (1, True)


@postgresql
def test_sharding_leaves_no_rows_in_the_local_tables(citus):
    with citus.app_context():
        create_user("ada", "correct horse battery staple")
        db.session.commit()
    assert shard(citus, "--apply").exit_code == 0
    assert rows(citus, "SELECT count(*) FROM users") == [(0,)]


@postgresql
def test_sharding_needs_the_coordinator_among_the_nodes(citus):
    execute(citus, "DELETE FROM pg_dist_node WHERE groupid = 0")
    result = shard(citus, "--apply")
    assert (result.exit_code, "citus_set_coordinator_host" in result.output, placed(citus)) == (1, True, {})
