#!/usr/bin/env bash
# Restores that standard tools manage: settings the content depends on, roles that are not there, rows without
# their triggers, a role that is no superuser.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

export PGKEEP_CATALOG=$work/catalog.db
pg_up
to="host=$PGHOST port=$PGPORT user=postgres dbname"
value() { psql -qAtX -d "$1" -c "$2"; }
backup() { # backup DATABASE OPTION...: $id
    run "$pgkeep" backup --source "$to=$1" --store "dir:$work/backups" "${@:2}"
    [ "$status" = 0 ] || diag "$err"
    id=$out
}

# --- settings are in force before the content, and those that forbid writing come last
createdb settings
psql -qX -v ON_ERROR_STOP=1 -d settings -o /dev/null <<'END'
ALTER DATABASE settings SET timezone = 'Asia/Tokyo';
ALTER DATABASE settings SET datestyle = 'German';
\c settings
CREATE TABLE t (at timestamptz);
CREATE FUNCTION local_day(timestamptz) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1::pg_catalog.text';
CREATE TABLE g (at timestamptz, day text GENERATED ALWAYS AS (local_day(at)) STORED);
INSERT INTO g VALUES ('2026-01-01 00:00+00');
INSERT INTO t VALUES ('2026-01-01 00:00+00');
CREATE MATERIALIZED VIEW days AS SELECT at::text AS day, extract(hour FROM at) AS hour FROM t;
ALTER DATABASE settings SET default_transaction_read_only = on;
END
backup settings
want=$(value settings 'SELECT * FROM days; SELECT day FROM g')
for way in "" "--no-privileges" "--parallel 2"; do
    # shellcheck disable=SC2086 # two words
    run "$pgkeep" restore "$id" --to "$to=settings2" --create $way
    is "settings: restore $way" "$status" 0
    [ "$status" = 0 ] || diag "$err"
    is "rows that depend on them are equal $way" "$(value settings2 'SELECT * FROM days; SELECT day FROM g')" "$want"
    is "and the one that forbids writing is set $way" "$(value settings2 'SHOW default_transaction_read_only')" on
    dropdb settings2
done

# --- roles: missing ones are hinted at, and can be left out
createuser owner_of_it
createuser --createdb maker
createdb owned
psql -qX -v ON_ERROR_STOP=1 -d owned -o /dev/null <<'END'
CREATE TABLE t (id int PRIMARY KEY);
ALTER TABLE t OWNER TO owner_of_it;
GRANT SELECT ON t TO maker;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO owner_of_it;
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
ALTER FUNCTION f() OWNER TO owner_of_it;
INSERT INTO t VALUES (1);
END
cat >"$work/pgkeep.conf" <<END
catalog = "$work/catalog.db";
sources: { cluster: { conninfo = "host=$PGHOST port=$PGPORT user=postgres"; databases = [ "owned" ]; globals = true; }; };
stores: { here: { type = "dir"; path = "$work/backups"; }; };
jobs: { all: { source = "cluster"; stores = [ "here" ]; }; };
END
run "$pgkeep" --config "$work/pgkeep.conf" backup all
is "a job with globals" "$status" 0
[ "$status" = 0 ] || diag "$err"
id=$("$pgkeep" list --json | jq -r '[.artifacts[] | select(.job == "all" and .type == "full")][0].id')
globals=$("$pgkeep" list --json | jq -r '[.artifacts[] | select(.type == "globals")][0].id')
backup owned --format custom
custom=$id
id=$("$pgkeep" list --json | jq -r '[.artifacts[] | select(.job == "all" and .type == "full")][0].id')
pg_up second
to="host=$PGHOST port=$PGPORT user=postgres dbname"
run "$pgkeep" --config "$work/pgkeep.conf" restore "$id" --to "$to=owned" --create
is "a missing role is an error" "$status" 4
like "that names the globals of the same source" "$err" "pgkeep restore $globals --to"
dropdb owned
createuser --createdb maker
for artifact in "$id" "$custom"; do
    PGPASSWORD=x run "$pgkeep" --config "$work/pgkeep.conf" restore "$artifact" --to "host=$PGHOST port=$PGPORT user=maker dbname=owned" --create --no-owner --no-privileges
    is "--create --no-owner --no-privileges by a role with CREATEDB alone" "$status" 0
    [ "$status" = 0 ] || diag "$err"
    is "everything is its own" "$(value owned "SELECT (SELECT rolname FROM pg_roles WHERE oid = datdba), (SELECT tableowner FROM pg_tables WHERE tablename = 't'), (SELECT count(*) FROM t) FROM pg_database WHERE datname = 'owned'")" "maker|maker|1"
    dropdb owned
done
createuser nobody_at_all
run "$pgkeep" --config "$work/pgkeep.conf" restore "$id" --to "host=$PGHOST port=$PGPORT user=nobody_at_all dbname=owned" --create
like "CREATE DATABASE denied has a hint" "$err" "hint: give the role CREATEDB"
createdb closed
psql -qX -d closed -c 'REVOKE CONNECT ON DATABASE closed FROM PUBLIC'
run "$pgkeep" --config "$work/pgkeep.conf" restore "$id" --to "host=$PGHOST port=$PGPORT user=nobody_at_all dbname=closed"
like "no CONNECT has a hint" "$err" "hint: GRANT CONNECT ON DATABASE"
pg_use main
to="host=$PGHOST port=$PGPORT user=postgres dbname"

# --- rows alone: triggers and foreign keys do not act
createdb rows
psql -qX -v ON_ERROR_STOP=1 -d rows -o /dev/null <<'END'
CREATE TABLE a (id int PRIMARY KEY, b int);
CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);
INSERT INTO a VALUES (1, 1);
INSERT INTO b VALUES (1, 1);
ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b;
CREATE FUNCTION twice() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.id := NEW.id * 2; RETURN NEW; END';
CREATE TRIGGER twice BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION twice();
ALTER TABLE b DISABLE TRIGGER ALL;
ALTER TABLE b ENABLE TRIGGER USER;
END
for format in plain custom; do
    backup rows --type schema --format "$format"
    schema=$id
    backup rows --type data --format "$format"
    like "$format: a backup of type data says what it needs" "$("$pgkeep" show "$id")" 'needs .*--disable-triggers'
    run "$pgkeep" restore "$schema" --to "$to=rows_$format" --create
    run "$pgkeep" restore "$id" --to "$to=rows_$format" --into-nonempty
    is "$format: without --disable-triggers circular keys fail" "$status" 4
    like "$format: with a hint" "$err" 'disable-triggers'
    run "$pgkeep" restore "$id" --to "$to=rows_$format" --into-nonempty --disable-triggers
    is "$format: with --disable-triggers" "$status" 0
    [ "$status" = 0 ] || diag "$err"
    is "$format: rows are as they were" "$(value "rows_$format" 'SELECT * FROM a, b')" "1|1|1|1"
    is "$format: triggers are as they were" "$(value "rows_$format" "SELECT count(*) FILTER (WHERE tgenabled = 'O') FROM pg_trigger WHERE tgrelid = 'a'::regclass")" 5
done

finished
