#!/bin/sh
# Run once, as the database is made: the service gets a role that is no superuser, for no policy binds those.
set -eu
psql -v ON_ERROR_STOP=1 -U postgres -v password="$(cat /run/secrets/database_password)" <<'SQL'
CREATE ROLE taskapi LOGIN PASSWORD :'password';
CREATE DATABASE taskapi OWNER taskapi;
SQL
