#!/usr/bin/env bash
# The n-th step of a restore by several connections fails, for every n (PGKEEP_LONG=1; else for some of them): its
# session is ended, its memory is out, the disk is full. It ends with 4 and leaves no session; --resume makes of it the
# database that it would have been. Then the same with a disk that really is full.
# shellcheck source=tests/fault/fault.sh
. "$(dirname "$0")/fault.sh"

export PGKEEP_CATALOG=$work/catalog.db
pg_up main
to="host=$PGHOST port=$PGPORT user=postgres dbname"
sql() { psql -qAtX -v ON_ERROR_STOP=1 -d "$1" -c "$2"; }
whole() { pg_dump -d "$1" | grep -vE '^\\(un)?restrict ' | LC_ALL=C sort | sha256sum; }
createdb shop
sql shop "CREATE TYPE mood AS ENUM ('good', 'bad');
    CREATE TABLE a (id int PRIMARY KEY, t text UNIQUE, m mood DEFAULT 'good');
    CREATE TABLE b (id bigserial PRIMARY KEY, a int REFERENCES a, body text);
    CREATE INDEX ON b (a);
    CREATE VIEW v AS SELECT count(*) FROM b;
    CREATE MATERIALIZED VIEW m AS SELECT a, count(*) FROM b GROUP BY a;
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER tr BEFORE INSERT ON b FOR EACH ROW EXECUTE FUNCTION f();
    INSERT INTO a SELECT n, 't' || n FROM generate_series(1, 1000) n;
    INSERT INTO b (a, body) SELECT 1 + n % 1000, repeat(md5(n::text), 20) FROM generate_series(1, 30000) n;
    REFRESH MATERIALIZED VIEW m;
    COMMENT ON TABLE a IS 'x'" >/dev/null
sql shop "SELECT lo_from_bytea(7, '\x00ff'), lo_from_bytea(8, decode(repeat('00ff', 5000), 'hex'))" >/dev/null
run "$pgkeep" backup --source "$to=shop" --store "dir:$work/backups" --compress zstd
is "a backup" "$status" 0
id=$out shop=$(whole shop)

# Steps are counted where the restore tells of them itself: its table gets a trigger as soon as it is made.
sabotage() { # sabotage N HOW
    local how
    case $2 in
    "session is ended") how="PERFORM pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid());" ;;
    "memory is out") how="RAISE EXCEPTION 'out of memory' USING ERRCODE = '53200';" ;;
    "disk is full") how="RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';" ;;
    esac
    sql target "CREATE SCHEMA saboteur; CREATE SEQUENCE saboteur.n;
        CREATE FUNCTION saboteur.strike() RETURNS trigger LANGUAGE plpgsql AS \$\$
        BEGIN IF pg_catalog.nextval('saboteur.n') = $1 THEN $how END IF; RETURN NEW; END \$\$;
        CREATE FUNCTION saboteur.hide() RETURNS event_trigger LANGUAGE plpgsql AS \$\$ DECLARE t text;
        BEGIN FOR t IN SELECT object_identity FROM pg_event_trigger_ddl_commands() WHERE object_identity LIKE 'pgkeep_restore_%.done'
        LOOP EXECUTE 'CREATE TRIGGER strike BEFORE INSERT ON ' || t || ' FOR EACH ROW EXECUTE FUNCTION saboteur.strike()'; END LOOP; END \$\$;
        CREATE EVENT TRIGGER saboteur ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION saboteur.hide();
        ALTER EVENT TRIGGER saboteur ENABLE ALWAYS"
}
clean() { sql target "SET client_min_messages = error; DROP EVENT TRIGGER saboteur; DROP SCHEMA saboteur CASCADE"; }
restore() { within 60 "$pgkeep" restore "$id" --to "$to=target" --parallel 2 "$@"; }

ways=("session is ended" "memory is out" "disk is full")
createdb target
sabotage 0 "disk is full"
restore
steps=$(sql target "SELECT last_value FROM saboteur.n")
clean
is "a restore of $steps steps" "$status $(whole target)" "0 $shop"
by=$([ -n "$test_long" ] && echo 1 || echo $((1 + steps / 8)))
tried=0
for ((n = 1; n <= steps; n += by)); do
    how=${ways[$((tried % 3))]} context="step $n of $steps: $how"
    tried=$((tried + 1))
    dropdb target && createdb target
    sabotage "$n" "$how"
    restore
    [ "$status" = 4 ] || trouble "$context: exit status $status: $err"
    [[ $err = *"--resume goes on"* ]] || trouble "$context: does not say how to go on: $err"
    left=$(sql postgres "SELECT count(*) FROM pg_stat_activity WHERE datname = 'target' AND application_name LIKE 'pgkeep%'")
    [ "$left" = 0 ] || trouble "$context: $left sessions are left"
    restore --resume
    [ "$status" = 0 ] || trouble "$context: --resume ends with $status: $err"
    clean
    [ "$(whole target)" = "$shop" ] || trouble "$context: --resume makes another database"
    [ "$(sql target "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pgkeep%'")" = 0 ] || trouble "$context: something of ours is left"
done
no_trouble "$tried of $steps steps failed, each in one of three ways, and the restore went on"

# --- a disk that is full: a file system of a few MB holds the target
mkdir "$work/small" && chmod 777 "$work/small"
if mount -t tmpfs -o size=14m,mode=777 tmpfs "$work/small" 2>/dev/null; then
    at_exit+=("umount -l '$work/small'")
    mkdir -m 777 "$work/small/space"
    [ "$(id -u)" != 0 ] || chown postgres "$work/small/space"
    sql postgres "CREATE TABLESPACE small LOCATION '$work/small/space'"
    dropdb target && createdb -D small target
    restore
    is "the server's disk is full" "$status" 4
    like "it is said, with the table" "$err" 'rows of public.b.*No space left on device'
    is "no session is left" "$(sql postgres "SELECT count(*) FROM pg_stat_activity WHERE datname = 'target'")" 0
    mount -o remount,size=200m "$work/small"
    restore --resume
    is "there is room again: --resume" "$status $(whole target)" "0 $shop"
    dropdb target && sql postgres "DROP TABLESPACE small"
else
    skip "the server's disk is full" "no file system can be mounted here"
fi
finished
