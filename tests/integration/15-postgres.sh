#!/usr/bin/env bash
# What the postgres layer asks of a real server and makes of its programs: odd names, roles that cannot see all
# rows, properties that come back, dumps that end badly, connections that fail - each one sentence, a hint, exit 4.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

postgres=$build/tests/postgres
pg_up main
tcp="host=127.0.0.1 port=$PGPORT user=postgres"

sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }
wait_until() { # wait_until COMMAND…: 20 s at most
    local i
    for ((i = 0; i < 200; i++)); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    return 1
}
sql_says() { [ "$(sql -c "$1")" = "$2" ]; }
fails() { # fails NAME STATUS REGEX HINT-REGEX COMMAND…
    local name=$1 want=$2 text=$3 hint=$4
    shift 4
    run "$@"
    is "$name: exit status" "$status" "$want"
    like "$name: says so" "$err" "$text"
    like "$name: hint" "$err" "hint: .*$hint"
}

# Connections.
fails "no such database" 4 'database "absent" does not exist' 'psql --list' "$postgres" facts dbname=absent
fails "no such role" 4 'role "nobody" does not exist' 'user=' "$postgres" facts user=nobody
fails "wrong password" 4 'password authentication failed' 'pgpass' "$postgres" facts "$tcp password=hunter2"
unlike "wrong password: not shown" "$err" hunter2
fails "no password" 4 'no password supplied' 'PGPASSWORD' "$postgres" facts "$tcp"
fails "no such host" 4 'could not translate host name' 'resolver' "$postgres" facts "host=nowhere.invalid"
fails "nobody listens" 4 'Connection refused' 'running' "$postgres" facts "host=127.0.0.1 port=1"
run "$postgres" facts "$tcp password=$pg_password"
like "a password in the conninfo serves" "$out" "host 127.0.0.1"
PGPASSWORD=$pg_password run "$postgres" facts "$tcp"
is "PGPASSWORD serves" "$status" 0
echo "127.0.0.1:*:*:postgres:$pg_password" >"$HOME/.pgpass"
chmod 600 "$HOME/.pgpass"
run "$postgres" facts "$tcp"
is "a pgpass file serves" "$status" 0
"$postgres" dump "$tcp" plain schema >"$work/dump.sql" 2>"$work/err"
is "and pg_dump too" "$?" 0
socket=$PGHOST
PGHOST=127.0.0.1 PGDATABASE=template1 PGHOSTADDR=192.0.2.1 PGOPTIONS='-c nonsense=' \
    run "$postgres" facts "host=$socket dbname=postgres"
like "conninfo beats the environment" "$out" "database postgres"
rm "$HOME/.pgpass"

# Notices of the login itself: through the log, never raw.
sql -c 'CREATE DATABASE "bell'$'\a''"' -c "UPDATE pg_database SET datcollversion = '0' WHERE datname LIKE 'bell%'"
run "$postgres" facts "" $'bell\a'
like "a warning of the login is a line of the log" "$err" '^pgkeep: database "bell\\x07": server: WARNING: .*collation version'
unlike "without its control bytes" "$err" $'\a'
run "$pgkeep" -q --log-format json doctor --source "dbname='bell"$'\a'"'"
is "quiet is quiet" "$err" ""
run "$pgkeep" --log-format json doctor --source "dbname='bell"$'\a'"'"
is "and JSON is JSON" "$(jq -es 'length > 0 and all(.message | contains("collation version"))' <<<"$err")" true
sql -c 'DROP DATABASE "bell'$'\a''"'

# Names.
# shellcheck disable=SC2016 # a name that a shell would run
names=('a b' "it's" 'say "x"' 'back\slash' '../up' $'two\nlines' 'größe' 'a=b' 'postgresql://h/x' '$(id)' '-x' '100%s')
for name in "${names[@]}"; do
    quoted=${name//\"/\"\"}
    sql -c "CREATE DATABASE \"$quoted\"" -c "CREATE ROLE \"$quoted\" LOGIN"
    PGDATABASE=postgres "$postgres" facts "" "$name" >"$work/out" 2>"$work/err"
    like "${name@Q}: is reached" "$(cat "$work/out" "$work/err")" "database ${name//[\[\]\\.*^$+?()|\{\}]/.}"
    "$postgres" dump "" plain schema 1000 "$name" >"$work/dump.sql" 2>"$work/err"
    is "${name@Q}: is dumped" "$? $(grep -c 'PostgreSQL database dump complete' "$work/dump.sql")" "0 1"
    "$postgres" clone "" "$name" "copy of $name" >"$work/out" 2>"$work/err"
    is "${name@Q}: is made anew" "$? $(cat "$work/err")" "0 "
    "$postgres" restore "" plain "copy of $name" <"$work/dump.sql" 2>"$work/err"
    is "${name@Q}: is restored into" "$? $(cat "$work/err")" "0 "
    PGUSER=$name "$postgres" dump "" plain schema 1000 "$name" >"$work/dump.sql" 2>"$work/err"
    is "${name@Q}: serves as a role" "$? $(grep -c 'PostgreSQL database dump complete' "$work/dump.sql")" "0 1"
done
run "$postgres" databases "" "copy of*"
is "all copies are listed, by wildcard" "$out" "$(printf 'copy of %s\n' "${names[@]}" | LC_ALL=C sort | sed '/^lines$/d; s/two$/&/' | awk '{print} /copy of two$/ {print "lines"}')"
run "$postgres" exists "" "copy of it's"
is "a database that is there is found" "$out" yes
run "$postgres" exists "" "copy of%"
is "a database that is not there is not" "$out" no
run "$postgres" databases "" "" "copy of*"
unlike "all but the copies" "$out" "copy of"

# Properties come back.
sql <<'END'
CREATE ROLE "the ""owner""=" NOLOGIN;
CREATE ROLE plain_role;
CREATE DATABASE src TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' OWNER "the ""owner""=" CONNECTION LIMIT 7;
COMMENT ON DATABASE src IS E'it''s a\n"comment" \\';
ALTER DATABASE src SET search_path TO "$user", public, "odd, ""name""";
ALTER DATABASE src SET datestyle TO 'SQL, DMY';
ALTER DATABASE src SET work_mem TO '7MB';
ALTER DATABASE src SET "my.setting" TO E'it''s = a\tvalue';
ALTER ROLE "the ""owner""=" IN DATABASE src SET statement_timeout TO '5min';
ALTER ROLE plain_role IN DATABASE src SET search_path TO '';
REVOKE ALL ON DATABASE src FROM PUBLIC;
GRANT CONNECT ON DATABASE src TO PUBLIC;
GRANT CREATE ON DATABASE src TO plain_role WITH GRANT OPTION;
GRANT TEMPORARY ON DATABASE src TO plain_role;
END
"$postgres" clone "" src dst 2>"$work/err"
is "a database is made like another" "$? $(cat "$work/err")" "0 "
is "all its properties come back" "$("$postgres" properties "" dst)" "$("$postgres" properties "" src)"
settings="SELECT setrole, setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname"
is "its settings are stored as they were" "$(sql -c "$settings = 'dst' ORDER BY 1")" "$(sql -c "$settings = 'src' ORDER BY 1")"
sql -c 'ALTER DATABASE dst IS_TEMPLATE true ALLOW_CONNECTIONS true'
"$postgres" clone "" dst again 2>"$work/err"
is "a template becomes a template" "$("$postgres" properties "" again)" "$("$postgres" properties "" dst)"
fails "a database that exists" 4 'database "dst" already exists' 'empty' "$postgres" clone "" src dst
pg_up other
sql -c 'CREATE ROLE plain_role'
other="host=$PGHOST port=$PGPORT dbname=postgres"
pg_use main
run "$postgres" clone "" src dst "$other"
is "where a role is missing, the database is made all the same" "$status" 0
like "its owner is named in a warning" "$err" 'owner "the "owner"=" is no role of this server; it belongs to "postgres"'
like "so are its settings and rights" "$err" 'not applied: setting statement_timeout of role.*not applied: GRANT CREATE ON DATABASE'
is "all else comes back" "$("$postgres" properties "$other" dst | grep -vE '^acl|owner' )" "$("$postgres" properties "" src | grep -vE '^acl|owner')"

# Roles that cannot see all rows.
sql -c 'CREATE DATABASE shop' -c 'CREATE ROLE reader LOGIN' -c 'CREATE ROLE owner_of_all LOGIN' -c 'CREATE ROLE passes LOGIN BYPASSRLS'
sql -d shop <<'END'
CREATE SCHEMA app;
CREATE TABLE app.open (n serial, t text);
CREATE TABLE app.secret (n int GENERATED ALWAYS AS IDENTITY);
CREATE TABLE app."odd. ""t""" (n int);
CREATE TABLE public.hidden (n int);
ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON hidden USING (n > 1);
CREATE EXTENSION pg_stat_statements;
GRANT USAGE ON SCHEMA app TO reader, passes, owner_of_all;
GRANT SELECT ON app.open, hidden TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA app, public TO passes;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA app, public TO passes;
END
as_reader="dbname=shop user=reader"
run "$postgres" preflight "dbname=shop"
is "a superuser sees all" "$status $err" "0 "
fails "unreadable tables" 4 'may not read all tables; not 2: app\."odd\. ""t""", app\.secret' 'pg_read_all_data TO "reader"' "$postgres" preflight "$as_reader"
fails "unreadable but one" 4 'not 1: app.secret' pg_read_all_data "$postgres" preflight "$as_reader" 'exclude-table=app."odd. ""t"""'
fails "unreadable sequence" 4 'sequences; not 1: app.open_n_seq' pg_read_all_data "$postgres" preflight "$as_reader" 'exclude-table=*.secret' 'exclude-table=app.odd*'
fails "hidden rows" 4 'row-level security, of 1: public.hidden' 'ALTER ROLE "reader" BYPASSRLS' "$postgres" preflight "$as_reader" 'schema=PUBLIC'
run "$postgres" preflight "$as_reader" schema-only 'exclude-schema=app'
is "hidden rows do not matter to a schema" "$status $err" "0 "
run "$postgres" preflight "$as_reader" exclude-schema=app exclude-table-data=hidden
is "nor when the rows are left out" "$status $err" "0 "
run "$postgres" preflight "$as_reader" exclude-schema=app exclude-table=h*
is "nor when the table is left out" "$status $err" "0 "
run "$postgres" preflight "$as_reader" table=app.open
is "--table leaves the others out" "$status $err" "0 "
run "$postgres" preflight "$as_reader" exclude-table=app.secret 'exclude-table=app.odd*' 'exclude-table=*.open_n_seq' exclude-table=hidden
is "the sequence of an identity column goes with its table" "$status $err" "0 "
run "$postgres" preflight "dbname=shop user=passes"
is "BYPASSRLS and SELECT suffice" "$status $err" "0 "
sql -c 'GRANT pg_read_all_data TO reader'
fails "pg_read_all_data does not pass row-level security" 4 'row-level security' BYPASSRLS "$postgres" preflight "$as_reader"
sql -d shop -c 'ALTER TABLE hidden OWNER TO reader'
run "$postgres" preflight "$as_reader"
is "an owner sees his rows" "$status $err" "0 "
sql -d shop -c 'ALTER TABLE hidden FORCE ROW LEVEL SECURITY'
fails "unless forced" 4 'row-level security' BYPASSRLS "$postgres" preflight "$as_reader"
sql -c 'ALTER ROLE reader BYPASSRLS' -d shop -c "SELECT lo_from_bytea(4711, 'x')" >"$work/out"
fails "large objects" 4 'may not read 1 large objects' superuser "$postgres" preflight "$as_reader"
run "$postgres" preflight "$as_reader" schema=app
is "which a choice of schemas leaves out" "$status $err" "0 "
sql -d shop -c 'GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC'
run "$postgres" preflight "$as_reader"
is "large objects that may be read" "$status $err" "0 "
"$postgres" dump "$as_reader" plain full >"$work/dump.sql" 2>"$work/err"
is "what passes is dumped" "$? $(cat "$work/err")" "0 "

# Dumps.
sql -c 'CREATE DATABASE big'
sql -d big -c "CREATE TABLE t AS SELECT n, repeat(md5(n::text), 10) AS words FROM generate_series(1, 60000) n" -c 'CREATE INDEX ON t (n)'
"$postgres" dump dbname=big plain full 2>"$work/err" >"$work/dump.sql"
is "a dump ends well" "$? $(cat "$work/err")" "0 "
pg_dump big | sed '/^\\\(un\)\?restrict /d' >"$work/want"
is "and is pg_dump's" "$(sed '/^\\\(un\)\?restrict /d' "$work/dump.sql" | sha256sum)" "$(sha256sum <"$work/want")"
sql -c "ALTER ROLE postgres SET statement_timeout = '20ms'" -c "ALTER ROLE postgres SET idle_in_transaction_session_timeout = '20ms'" \
    -c "ALTER ROLE postgres SET lock_timeout = '20ms'" -c "ALTER ROLE postgres SET search_path = nowhere" -c "ALTER ROLE postgres SET datestyle = 'SQL, DMY'"
"$postgres" dump dbname=big plain full 2>"$work/err" | sed '/^\\\(un\)\?restrict /d' >"$work/dump2.sql"
is "time-outs of the role do not count" "$(cat "$work/err")$(sha256sum <"$work/dump2.sql")" "$(sha256sum <"$work/want")"
run "$postgres" facts dbname=big
like "nor in our own session" "$out" "tables 1"
for setting in statement_timeout idle_in_transaction_session_timeout lock_timeout search_path datestyle; do
    PGOPTIONS='-c statement_timeout=0' sql -c "ALTER ROLE postgres RESET $setting"
done

# Restores.
sql -c 'CREATE DATABASE back' -c 'CREATE DATABASE back_custom'
run sh -c "'$postgres' restore dbname=back plain <'$work/dump.sql'"
is "a plain dump comes back" "$status $err" "0 "
is "a plain dump: the rows" "$(sql -d back -c 'SELECT count(*), sum(n) FROM t')" "60000|1800030000"
run sh -c "'$postgres' restore dbname=back plain <'$work/dump.sql'"
is "twice: exit status" "$status" 4
like "twice: the first error with its line, and a hint" "$err" 'psql ended with exit status 3: <stdin>:[0-9]+: ERROR: +relation "t" already exists.*hint: .*empty'
is "twice: the rows are not doubled" "$(sql -d back -c 'SELECT count(*) FROM t')" 60000
"$postgres" dump dbname=big custom full 2>"$work/err" >"$work/dump.archive"
is "an archive ends well" "$? $(cat "$work/err")" "0 "
run sh -c "'$postgres' restore '' custom back_custom <'$work/dump.archive'"
is "an archive comes back" "$status $err" "0 "
is "an archive: the rows" "$(sql -d back_custom -c 'SELECT count(*), sum(n) FROM t')" "60000|1800030000"
run sh -c "'$postgres' restore '' custom back_custom <'$work/dump.archive'"
is "an archive twice: exit status" "$status" 4
like "an archive twice: the first error" "$err" 'pg_restore ended with exit status 1: error: .*relation "t" already exists'
run sh -c "'$postgres' dump '' plain globals"
like "globals" "$out" 'CREATE ROLE plain_role;.*cluster dump complete'

# Archives with a piece missing.
size=$(stat -c %s "$work/dump.archive")
run sh -c "'$postgres' check <'$work/dump.archive'"
is "a whole archive is whole" "$status $err" "0 "
for cut in 1 2 100 $((size / 2)) $((size - 4)) $((size - 100)); do
    run sh -c "head -c -$cut '$work/dump.archive' | '$postgres' check"
    is "an archive without its last $cut bytes of $size: exit status" "$status" 6
done
run sh -c "(cat '$work/dump.archive'; head -c 3000000 /dev/zero) | '$postgres' check"
is "an archive with too many bytes: exit status" "$status" 6
run sh -c "'$postgres' dump dbname=big custom schema | '$postgres' check"
is "an archive of the schema" "$status $err" "0 "
run sh -c "'$postgres' dump dbname=shop custom full | '$postgres' check"
is "an archive with a large object" "$status $err" "0 "

# Dumps that end badly. A fifo that nobody reads holds pg_dump in the middle of COPY.
mkfifo "$work/fifo"
copying="SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgkeep' AND query LIKE 'COPY%'"
begin_dump() { # begin_dump [DATABASE]
    "$postgres" dump "dbname=${1:-big}" plain full >"$work/fifo" 2>"$work/err" &
    dumping=$!
    exec 7<"$work/fifo"
    ok "a dump is in the middle of COPY" wait_until sql_says "$copying" 1
}
begin_dump
sql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgkeep'" >"$work/out"
wc -c <&7 >"$work/out"
exec 7<&-
wait "$dumping"
is "a terminated backend: exit status" "$?" 4
like "a terminated backend: what happened" "$(cat "$work/err")" 'pg_dump ended with exit status 1: error: .*(administrator command|closed the connection).*hint: .*run it again'
begin_dump
pid=$(pgrep -P "$dumping" pg_dump)
kill -9 "$pid"
wc -c <&7 >"$work/out"
exec 7<&-
wait "$dumping"
is "a killed pg_dump: exit status" "$?" 4
like "a killed pg_dump: what happened" "$(cat "$work/err")" 'pg_dump was ended by signal 9'
begin_dump
pid=$(pgrep -P "$dumping" pg_dump)
kill -9 "$dumping"
wait "$dumping" 2>"$work/out"
ok "kill -9 of ours ends pg_dump" wait_until test ! -e "/proc/$pid"
ok "and its transaction" wait_until sql_says "$copying" 0
exec 7<&-
begin_dump
pid=$(pgrep -P "$dumping" pg_dump)
kill -TERM "$dumping"
exec 7<&-
wait "$dumping"
ok "SIGTERM ends pg_dump" wait_until test ! -e "/proc/$pid"
ok "and its transaction too" wait_until sql_says "$copying" 0

# Locks.
mkfifo "$work/locker"
sql -d big <"$work/locker" >"$work/out" &
exec 8>"$work/locker"
echo 'BEGIN; LOCK TABLE t;' >&8
locked="SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation IS NOT NULL"
wait_until sql_says "$locked" 1
fails "a locked table" 4 'lock|timeout' 'pg_locks' "$postgres" dump dbname=big plain full 300
"$postgres" dump dbname=big plain full 60000 >"$work/dump.sql" 2>"$work/err" &
dumping=$!
waiting="SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgkeep' AND wait_event_type = 'Lock'"
ok "a dump waits for a lock" wait_until sql_says "$waiting" 1
kill -9 "$dumping"
wait "$dumping" 2>"$work/out"
ok "kill -9 of ours also ends a pg_dump that waits for a lock" wait_until sql_says "$waiting" 0
echo 'ROLLBACK;' >&8
exec 8>&-

# A standby can be dumped; what ends such a dump is told.
sql -c 'CREATE DATABASE changing TEMPLATE big'
mkdir "$work/pg-standby"
[ "$(id -u)" != 0 ] || chown postgres "$work/pg-standby"
primary=$PGHOST primary_port=$PGPORT
as_postgres "$pg_bin/pg_basebackup" -h "$PGHOST" -p "$PGPORT" -U postgres -D "$work/pg-standby/data" -R -c fast
cat >>"$work/pg-standby/data/postgresql.conf" <<END
unix_socket_directories = '$work/pg-standby'
max_standby_streaming_delay = 0
END
free_port >"$work/pg-standby/port"
echo "$pg_bin" >"$work/pg-standby/bin"
pg_names+=(standby)
pg_start standby
pg_use standby
run "$postgres" preflight dbname=big
is "a standby passes" "$status $err" "0 "
"$postgres" dump dbname=big plain full 2>"$work/err" | sed '/^\\\(un\)\?restrict /d' >"$work/dump2.sql"
is "a standby's dump is the primary's" "$(cat "$work/err")$(sha256sum <"$work/dump2.sql")" "$(sha256sum <"$work/want")"
begin_dump changing
sql -h "$primary" -p "$primary_port" -d changing -c 'DROP TABLE t'
# It waits for a lock or a snapshot: its place in the log stays behind. Or the backend was just able to obey.
changed=$(sql -h "$primary" -p "$primary_port" -c 'SELECT pg_current_wal_flush_lsn()')
is_stuck() {
    local before
    ! grep -q 'conflict with recovery' "$work/pg-standby/log" || return 0
    sql_says "SELECT pg_last_wal_receive_lsn() >= '$changed' AND pg_last_wal_replay_lsn() < '$changed'" t || return 1
    before=$(sql -c 'SELECT pg_last_wal_replay_lsn()')
    sleep 0.2
    sql_says 'SELECT pg_last_wal_replay_lsn()' "$before"
}
ok "the standby has a change that the dump is in the way of" wait_until is_stuck
wc -c <&7 >"$work/out"
exec 7<&-
wait "$dumping"
is "a conflict with recovery: exit status" "$?" 4
like "a conflict with recovery: what happened" "$(cat "$work/err")" 'conflict with recovery.*hint: .*hot_standby_feedback'
pg_down standby
pg_use main

# A pooler that shares sessions.
if command -v pgbouncer >/dev/null; then
    port=$(free_port)
    for mode in transaction session; do
        mkdir "$work/$mode"
        cat >"$work/$mode/pgbouncer.ini" <<END
[databases]
* = host=$PGHOST port=$PGPORT user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = any
pidfile = $work/$mode/pid
pool_mode = $mode
END
        [ "$(id -u)" != 0 ] || chown -R postgres "$work/$mode"
        as_postgres pgbouncer -q "$work/$mode/pgbouncer.ini" >"$work/$mode.log" 2>&1 &
        at_exit+=("kill \"\$(cat '$work/$mode/pid' 2>/dev/null)\" 2>/dev/null")
        wait_until psql -XqAt "host=127.0.0.1 port=$port dbname=big" -c 'SELECT 1'
        if [ "$mode" = transaction ]; then
            fails "transaction pooling" 4 'shares the server.s sessions' 'session mode' "$postgres" facts "host=127.0.0.1 port=$port dbname=big"
        else
            run "$postgres" facts "host=127.0.0.1 port=$port dbname=big"
            like "session pooling is fine" "$out$err" "tables 1"
            "$postgres" dump "host=127.0.0.1 port=$port dbname=big" plain full 2>"$work/err" | sed '/^\\\(un\)\?restrict /d' >"$work/dump2.sql"
            is "and a dump through it is whole" "$(cat "$work/err")$(sha256sum <"$work/dump2.sql")" "$(sha256sum <"$work/want")"
        fi
        kill "$(cat "$work/$mode/pid")"
        wait $!
    done
else
    skip "poolers" "pgbouncer is not installed"
fi
finished
