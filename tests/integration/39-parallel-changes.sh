#!/usr/bin/env bash
# A dump of several connections while others write, change definitions and end sessions: one moment of the database, or
# no backup at all and nothing left of it, neither in a store nor on the server.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

export PGKEEP_CATALOG=$work/catalog.db
pg_up main
folder=$work/backups
server="host=$PGHOST port=$PGPORT user=postgres"
createdb shop
pgbench -qi -s 2 shop 2>"$work/err" || diag "$(cat "$work/err")"
psql -qX -d shop -o /dev/null -c "CREATE TABLE second AS SELECT n, md5(n::text) AS v FROM generate_series(1, 150000) n"
sql() { psql -AtX -d "${2:-shop}" -c "$1"; }
ours="FROM pg_stat_activity WHERE application_name IN ('pgkeep', 'pg_dump') AND datname = 'shop'"

# wait_until SQL: it gives t within 20 s.
wait_until() {
    for _ in {1..200}; do
        [ "$(sql "$1")" != t ] || return 0
        read -rt 0.1 <> <(:) || :
    done
    return 1
}
# In the background, so slow that there is time for the worst.
begin_backup() {
    "$pgkeep" backup --source "$server dbname=shop" --store "dir:$folder" --parallel 2 --compress zstd:15 --threads 1 \
        >"$work/out" 2>"$work/err" </dev/null &
    backup=$!
}
end_backup() {
    wait "$backup"
    status=$? out=$(cat "$work/out") err=$(cat "$work/err")
}
nothing_left() { # nothing_left NAME EXIT_STATUS
    is "$1: exit status" "$status" "$2"
    is "$1: nothing in the folder" "$(find "$folder" -type f ! -name pgkeep-store.json ! -name RECOVERY.md 2>/dev/null)" ""
    ok "$1: and no session on the server" wait_until "SELECT count(*) = 0 $ours"
}

# --- pgbench keeps the sums of four tables equal in every moment: so must be those of the backup
pgbench -n -c 2 -T 60 shop >/dev/null 2>&1 &
bench=$!
at_exit+=("kill $bench 2>/dev/null")
ok "others write" wait_until "SELECT count(*) > 200 FROM pgbench_history"
for n in 2 4; do
    run "$pgkeep" backup --source "$server dbname=shop" --store "dir:$folder" --parallel "$n"
    is "$n connections while others write" "$status" 0
    like "$n: large tables by workers" "$err" "by $n connections"
    createdb "restored_$n"
    gunzip <"$(find "$folder/data" -name "*$out.sql*")" | psql -qX -v ON_ERROR_STOP=1 -d "restored_$n" -o /dev/null
    is "$n: four tables of one moment" "$(sql "SELECT count(DISTINCT s) FROM (SELECT sum(abalance) AS s FROM pgbench_accounts UNION ALL
        SELECT sum(bbalance) FROM pgbench_branches UNION ALL SELECT sum(tbalance) FROM pgbench_tellers UNION ALL SELECT sum(delta) FROM pgbench_history) t" "restored_$n")" 1
    is "$n: all rows" "$(sql "SELECT count(*) FROM pgbench_accounts" "restored_$n")" 200000
    id=$out
done
kill "$bench" && wait "$bench" 2>/dev/null
"$pgkeep" delete "$id" --yes >/dev/null 2>&1
rm -rf "$folder" "$PGKEEP_CATALOG"*

# --- sessions that end before their time
while IFS='|' read -r name which; do
    begin_backup
    ok "$name: it copies" wait_until "SELECT count(*) >= 2 $ours AND application_name = 'pgkeep' AND query LIKE 'COPY%'"
    sql "SELECT pg_terminate_backend(pid) $ours AND application_name = 'pgkeep' ORDER BY backend_start $which LIMIT 1" >/dev/null
    end_backup
    nothing_left "$name" 4
    like "$name: the reason" "$err" "terminating connection|the session that holds the snapshot|server closed"
done <<'END'
the session of a worker is ended|DESC
the session that holds the snapshot is ended|
END
begin_backup
ok "SIGTERM: it copies" wait_until "SELECT count(*) >= 2 $ours AND application_name = 'pgkeep' AND query LIKE 'COPY%'"
kill "$backup"
end_backup
nothing_left "SIGTERM" 143

# --- somebody waits to change a table: a worker does not wait behind him, pg_dump alone does
begin_backup
ok "ALTER TABLE: it copies" wait_until "SELECT count(*) >= 1 $ours AND query LIKE 'COPY%pgbench_accounts%'"
sql "ALTER TABLE second ADD COLUMN late int" >/dev/null &
alter=$!
end_backup
wait "$alter"
is "ALTER TABLE in the middle: a backup all the same" "$status" 0
like "ALTER TABLE in the middle: said, once" "$err" "could not obtain lock.*tried again"
is "ALTER TABLE in the middle: by the second try" "$("$pgkeep" show "$out" --json | jq .tries)" 2

# --- somebody queues for a table behind the leader, and pg_dump behind him: nobody's deadlock detection sees that ring
mkdir "$work/bin"
ln -s "$pg_bin"/* "$work/bin/"
rm "$work/bin/pg_dump"
cat >"$work/bin/pg_dump" <<END
#!/usr/bin/env bash
ask() { "$pg_bin/psql" -AtqX -d "$server dbname=shop" -c "\$1" 2>/dev/null; }
if [[ " \$* " = *' --snapshot='* ]]; then
    ask 'ALTER TABLE pgbench_branches ADD COLUMN late int' </dev/null >/dev/null &
    for _ in {1..100}; do
        [ "\$(ask "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted")" != 1 ] || break
        sleep 0.1
    done
fi
exec "$pg_bin/pg_dump" "\$@"
END
chmod +x "$work/bin/pg_dump"
PGKEEP_PG_BIN_DIR=$work/bin run timeout 60 "$pgkeep" backup --source "$server dbname=shop" --store "dir:$folder" --parallel 2 --dump-retries 0
is "a ring of locks: a backup all the same, also without retries" "$status" 0
[ "$status" = 0 ] || diag "$err"
like "a ring of locks: said" "$err" "statement timeout.*tried again"
is "a ring of locks: by pg_dump alone" "$("$pgkeep" show "$out" --json | jq .tries)" 2
finished
