#!/bin/sh
# Runs once, when the database is created. The owner migrates and prunes; the service has a role that can change neither
# the schema nor the audit log. Neither is a superuser, because row-level security does not bind superusers.
set -eu
psql -v ON_ERROR_STOP=1 -U postgres -v owner_password="$(cat /run/secrets/owner_password)" \
  -v password="$(cat /run/secrets/database_password)" <<'SQL'
CREATE ROLE taskapi_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE taskapi LOGIN PASSWORD :'password';
CREATE DATABASE taskapi OWNER taskapi_owner;
\connect taskapi
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO taskapi_owner;
SQL
