#!/usr/bin/env bash
# Killed in the middle: pg_dump and its transaction are gone within seconds, and the next run finds and clears what
# was left. Interrupted politely: everything is cleaned before the end. Two at once: the second says who is at it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

pg_up main
rgw_up
s3_bucket backups
noise_db shop 400000
folder=$work/backups
cat >"$work/pgkeep.conf" <<END
catalog = "$work/catalog.db";
sources: { shop: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=shop"; }; };
stores: { nas: { type = "dir"; path = "$folder"; };
          ceph: { type = "s3"; endpoint = "$rgw_endpoint"; bucket = "backups"; prefix = "p/"; path_style = true; }; };
jobs: { nightly: { source = "shop"; stores = [ "nas", "ceph" ]; compress = "none"; }; };
END
export PGKEEP_CONFIG=$work/pgkeep.conf
slow() { exec "$pgkeep" backup nightly --limit-rate 4MiB; }
uploads() { s3_call GET 'backups?uploads=' | grep -c '<Upload>'; }
parts() { find "$folder" -name '*.part' 2>/dev/null | wc -l; }
objects() { { find "$folder" -type f -name '*.sql*' && s3_call GET 'backups?list-type=2' | grep -oE '<Key>[^<]*\.sql[^<]*'; } 2>/dev/null | wc -l; }
sessions() { psql -AtX -d postgres -c "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop'"; }
until_so() { # until_so COMMAND...: within 20 s
    local tries
    for ((tries = 0; tries < 200; tries++)); do
        "$@" && return
        sleep 0.1
    done
    return 1
}
begun() { [ "$(uploads)" = 1 ] && [ "$(parts)" = 1 ]; }
start() {
    (slow) >"$work/slow.out" 2>"$work/slow.err" </dev/null &
    pid=$!
    until_so begun || diag "it never began: $(cat "$work/slow.err")"
}
dump_is_gone() { ! pgrep -f "pg_dump.*$work" >/dev/null && [ "$(sessions)" = 0 ]; }
newest() { "$pgkeep" list --json | jq -r ".artifacts[$1] | .status + \" \" + ([.copies[].state] | join(\" \"))"; }

# --- kill -9
start
kill -9 "$pid"
wait "$pid" 2>/dev/null
ok "kill -9: pg_dump and its transaction are gone within seconds" until_so dump_is_gone
is "kill -9: something was left" "$(uploads) $(parts)" "1 1"
run "$pgkeep" status
like "kill -9: status says so" "$out$err" "abandoned|ended"
# As if it had died before it could note what the uploads are called.
sqlite3 "$work/catalog.db" "UPDATE copies SET upload = NULL"
run "$pgkeep" backup nightly
is "the next run is good" "$status" 0
is "and nothing is left of the one before" "$(uploads) $(parts)" "0 0"
is "which is failed" "$(newest 1)" "failed failed failed"
is "one backup lies in each store" "$(objects)" 2

# --- two at once
start
run "$pgkeep" backup nightly
is "a second run: exit status" "$status" 7
like "a second run: who and since when" "$err" "pid $pid.*since"

# --- SIGTERM, then SIGINT
kill -TERM "$pid"
wait "$pid"
is "SIGTERM: exit status" $? 143
is "SIGTERM: everything is cleaned" "$(uploads) $(parts) $(objects)" "0 0 2"
is "SIGTERM: cancelled" "$(newest 0)" "cancelled failed failed"
ok "SIGTERM: pg_dump is gone" until_so dump_is_gone
start
kill -INT "$pid"
wait "$pid"
is "SIGINT: exit status" $? 130
is "SIGINT: everything is cleaned" "$(uploads) $(parts) $(objects)" "0 0 2"

# --- SIGTERM while the service is frozen: the kernel takes the bytes, nobody reads or answers
start
gateway=$(cat "$rgw_folder/gateway.pid")
kill -STOP "$gateway"
kill -TERM "$pid"
begun_at=$SECONDS
wait "$pid"
is "SIGTERM and a frozen service: exit status" $? 143
ok "SIGTERM and a frozen service: it ends within 8 s" test $((SECONDS - begun_at)) -le 8
kill -CONT "$gateway"
like "SIGTERM and a frozen service: what is left is said" "$(cat "$work/slow.err")" "still on the service"
run "$pgkeep" sweep
is "and the sweep finds it" "$status $(uploads) $(parts) $(objects)" "0 0 0 2"

# --- interrupted while pg_dump waits for a lock
psql -qX -d shop -c "BEGIN; LOCK TABLE t; SELECT pg_sleep(60)" >/dev/null 2>&1 &
locker=$!
waits() { [ "$(psql -AtX -d postgres -c "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")" != 0 ]; }
(exec "$pgkeep" backup nightly) >/dev/null 2>&1 </dev/null &
pid=$!
ok "pg_dump waits for a lock" until_so waits
kill -INT "$pid"
wait "$pid"
is "SIGINT while it waits for a lock: exit status" $? 130
is "SIGINT while it waits for a lock: everything is cleaned" "$(uploads) $(parts) $(objects)" "0 0 2"
psql -qAtX -d postgres -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND pid <> pg_backend_pid()" >/dev/null
wait "$locker" 2>/dev/null
ok "SIGINT while it waits for a lock: pg_dump is gone" until_so dump_is_gone

# --- interrupted while psql does not read (one session of psql, whatever would pay off)
createdb target
fake=$top/tests/support/fake_pg_dump
hangs() { pgrep -P "$pid" >/dev/null; }
(FAKE_PG="bytes=1000 hang" PGKEEP_PG_BIN_DIR=$fake exec "$pgkeep" restore latest --parallel 1 --to "host=$PGHOST port=$PGPORT user=postgres dbname=target") \
    >"$work/restore.out" 2>"$work/restore.err" </dev/null &
pid=$!
ok "a restore that hangs" until_so hangs
kill -TERM "$pid"
wait "$pid"
is "SIGTERM during a restore: exit status" $? 143
like "SIGTERM during a restore: the target is not trusted" "$(cat "$work/restore.err")" "incomplete"
is "SIGTERM during a restore: no result" "$(cat "$work/restore.out")" ""
is "SIGTERM during a restore: no lease is left" "$(sqlite3 "$work/catalog.db" 'SELECT count(*) FROM leases')" 0

finished
