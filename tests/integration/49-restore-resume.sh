#!/usr/bin/env bash
# A restore by several connections that was broken off goes on: whatever was lost, wherever it was, nothing is brought
# twice and nothing is left out.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

export PGKEEP_CATALOG=$work/catalog.db
pg_up main
to="host=$PGHOST port=$PGPORT user=postgres dbname"
value() { psql -qAtX -d "$1" -c "$2"; }
whole() { pg_dump -d "$1" | grep -vE '^\\(un)?restrict ' | LC_ALL=C sort | sha256sum; }

# Gates: whoever computes gate(N, 500) in a database r… waits as long as somebody there holds lock N.
createdb shop
psql -qX -v ON_ERROR_STOP=1 -d shop -o /dev/null <<'SQL'
CREATE ROLE clerk;
CREATE FUNCTION gate(place int, v int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF v = 500 AND pg_catalog.current_database() LIKE 'r%' THEN PERFORM pg_catalog.pg_advisory_xact_lock_shared(place); END IF;
    RETURN v;
END $$;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE big (id int PRIMARY KEY, body text, CHECK (public.gate(1, id - 90000) IS NOT NULL));
CREATE TABLE small (id int UNIQUE, big int REFERENCES big, m mood DEFAULT 'good', n int GENERATED ALWAYS AS IDENTITY);
CREATE INDEX small_gate ON small (public.gate(2, id));
CREATE INDEX small_m ON small (m);
CREATE MATERIALIZED VIEW late AS SELECT public.gate(3, id) AS id FROM small;
CREATE UNIQUE INDEX ON late (id);
INSERT INTO big SELECT n, repeat(md5(n::text), 10) FROM generate_series(1, 120000) n;
INSERT INTO small SELECT n, n FROM generate_series(1, 20000) n;
REFRESH MATERIALIZED VIEW late;
SELECT lo_from_bytea(77, decode(repeat('00ff', 3000), 'hex')), lo_from_bytea(78, '\x01');
GRANT SELECT ON small TO clerk;
SQL
run "$pgkeep" backup --source "$to=shop" --store "dir:$work/backups" --compress zstd
is "a backup" "$status" 0
id=$out
shop=$(whole shop)

# held DATABASE PLACE: somebody holds the gate's lock. freed: no more.
held() {
    coproc HOLDER { psql -qAtX -d "$1"; }
    # shellcheck disable=SC2034 # the pid
    holder=$HOLDER_PID
    echo "SELECT 'held' FROM pg_advisory_lock($2);" >&"${HOLDER[1]}"
    read -r _ <&"${HOLDER[0]}"
}
freed() {
    echo '\q' >&"${HOLDER[1]}"
    wait "$holder" 2>/dev/null
}
until_true() { # DATABASE CONDITION
    local i
    for ((i = 0; i < 600; i++)); do
        [ "$(value "$1" "SELECT $2")" != t ] || return 0
        read -rt 0.05 <> <(:)
    done
    diag "never: $2"
    return 1
}
waiting="count(*) > 0 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE locktype = 'advisory' AND NOT granted AND a.datname = "

n=0
for place in 1 2 3; do
    for how in kill terminate; do
        n=$((n + 1)) db=r$n
        createdb "$db"
        held "$db" "$place"
        "$pgkeep" restore "$id" --to "$to=$db" --parallel 2 >"$work/out" 2>"$work/err" &
        pid=$!
        until_true "$db" "$waiting '$db'"
        if [ "$how" = kill ]; then
            kill -9 "$pid"
            wait "$pid" 2>/dev/null
        else
            value "$db" "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'pgkeep%' AND datname = '$db'" >"$work/terminated"
            wait "$pid"
            is "$how at gate $place: fails" "$?" 4
            like "$how at gate $place: and says how to go on" "$(cat "$work/err")" 'the same command with --resume goes on'
        fi
        run "$pgkeep" restore "$id" --to "$to=$db" --parallel 2
        is "$how at gate $place: without --resume it is not touched" "$status" 4
        # What was left running on the server ends first; it may end well.
        freed
        run "$pgkeep" restore "$id" --to "$to=$db" --parallel "$n" --resume
        is "$how at gate $place: --resume" "$status" 0
        [ "$status" = 0 ] || diag "$err"
        like "$how at gate $place: went on behind what was done" "$err" 'going on behind [1-9][0-9]* steps'
        is "$how at gate $place: the same database" "$(whole "$db")" "$shop"
        is "$how at gate $place: nothing of ours is left" "$(value "$db" "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pgkeep%'")" 0
        [ "$n" -gt 2 ] && dropdb "$db"
    done
done

# An error of the server, more than once, with --create: properties of the database come last, and come.
value shop "COMMENT ON DATABASE shop IS 'a shop'; ALTER DATABASE shop SET work_mem = '7MB'; ALTER TABLE small RENAME COLUMN m TO mm"
run "$pgkeep" backup --source "$to=shop" --store "dir:$work/backups" --parallel 2
id=$out
shop=$(whole shop)
value postgres "ALTER ROLE clerk RENAME TO gone"
run "$pgkeep" restore "$id" --to "$to=r8" --create --parallel 3 --table small --table big
is "an error" "$status" 4
like "is told of the statement, one of many that were sent at once" "$err" 'privileges of public.small: role "clerk" does not exist'
run "$pgkeep" restore "$id" --to "$to=r8" --create --parallel 3 --resume
is "other options than before" "$status" 2
like "are refused" "$err" 'begun with other options'
run "$pgkeep" restore "$id" --to "$to=r8" --create --parallel 3 --table small --table big --resume
is "the same error again" "$status" 4
value postgres "ALTER ROLE gone RENAME TO clerk"
run "$pgkeep" restore "$id" --to "$to=r8" --create --parallel 3 --table small --table big --resume
is "its cause is gone" "$status" 0
[ "$status" = 0 ] || diag "$err"
is "all rows" "$(value r8 'SELECT (SELECT count(*) FROM big), (SELECT count(*) FROM small), (SELECT count(mm) FROM small)')" "120000|20000|20000"
is "the database has its comment and settings" "$(value r8 "SHOW work_mem; SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'r8'" | paste -sd' ')" "7MB a shop"
is "the type has its owner, the table its rights" "$(value r8 "SELECT has_table_privilege('clerk', 'small', 'SELECT'), (SELECT count(*) FROM pg_constraint WHERE contype = 'f')")" "t|1"

# What cannot be gone on with.
run "$pgkeep" restore "$id" --to "$to=r8" --parallel 2 --resume
is "a database that is not of this restore" "$status" 4
like "says so" "$err" 'nothing to go on with'
createdb r9
run "$pgkeep" restore "$id" --to "$to=r9" --parallel 2 --resume
is "an empty one: it begins" "$status $(whole r9)" "0 $shop"

# Two at once into one database: the second does not meddle.
createdb ra
held ra 1
"$pgkeep" restore "$id" --to "$to=ra" --parallel 2 >"$work/out" 2>"$work/err" &
pid=$!
until_true ra "$waiting 'ra'"
"$pgkeep" restore "$id" --to "$to=ra" --parallel 2 --resume >"$work/out2" 2>"$work/err2" &
second=$!
until_true ra "count(*) > 0 FROM pg_stat_activity WHERE datname = 'ra' AND query LIKE '%pg_try_advisory_lock%'"
freed
wait "$pid"
is "the first ends" "$?" 0
wait "$second"
is "the second finds nothing left to do" "$?" 4
is "once" "$(whole ra)" "$shop"

# The server crashes: what it forgets of commits it forgets with their marks.
createdb rb
held rb 3
"$pgkeep" restore "$id" --to "$to=rb" --parallel 2 >"$work/out" 2>"$work/err" &
pid=$!
until_true rb "$waiting 'rb'"
pg_kill main
wait "$pid"
is "a crash of the server" "$?" 4
freed 2>/dev/null
pg_start main
run "$pgkeep" restore "$id" --to "$to=rb" --parallel 2 --resume
is "and on" "$status $(whole rb)" "0 $shop"
[ "$status" = 0 ] || diag "$err"

# Rows that a trigger of the target swallows: the piece is not taken for done.
createdb rc
run "$pgkeep" restore "$id" --to "$to=rc" --section pre-data --parallel 2
is "definitions alone" "$status" 0
psql -qX -v ON_ERROR_STOP=1 -d rc <<'SQL'
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN NEW.id <> 7 THEN NEW END; END $$;
CREATE TRIGGER swallow BEFORE INSERT ON small FOR EACH ROW EXECUTE FUNCTION swallow();
SQL
run "$pgkeep" restore "$id" --to "$to=rc" --section data --into-nonempty --parallel 2
is "a swallowed row" "$status" 4
like "is missed" "$err" '20000 rows were sent, the server took 19999'
run "$pgkeep" restore "$id" --to "$to=rc" --section data --into-nonempty --parallel 2 --resume
is "and missed again" "$status" 4
value rc "DROP TRIGGER swallow ON small"
run "$pgkeep" restore "$id" --to "$to=rc" --section data --into-nonempty --parallel 2 --resume
is "until nothing swallows it" "$status" 0
[ "$status" = 0 ] || diag "$err"
is "then all rows are there, once" "$(value rc 'SELECT count(*), count(DISTINCT id) FROM small')" "20000|20000"
finished
