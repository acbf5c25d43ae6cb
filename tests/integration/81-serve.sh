#!/usr/bin/env bash
# Goal: `serve` runs what is due, each time once, whatever is killed: children, itself; and tells systemd. What the
# catalog says at the end is what was run.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
command -v sqlite3 >/dev/null || skip_all "sqlite3 is not installed (package sqlite3)"
pg_up main
psql -qX -c "CREATE TABLE t AS SELECT generate_series(1, 1000) AS n" || exit 1
mkdir "$work/store"
catalog=$work/catalog.db
export PGKEEP_CONFIG=$work/pgkeep.conf
config() { # config JOBS
    cat >"$PGKEEP_CONFIG" <<END
catalog = "$catalog";
stop_grace = "2s";
sources: { pg: { conninfo = "dbname=postgres"; }; none: { conninfo = "dbname=nowhere"; }; };
stores: { nas: { type = "dir"; path = "$work/store"; }; };
jobs: { $1 };
END
}
sql() { sqlite3 -cmd '.timeout 5000' "$catalog" "$1"; }
until_is() { # until_is SECONDS QUESTION ANSWER
    local n got=""
    for ((n = 0; n < $1 * 10; n++)); do
        got=$(sql "$2" 2>/dev/null) && [ "$got" = "$3" ] && return 0
        sleep 0.1
    done
    diag "$2: $got instead of $3"
    return 1
}
serve_up() {
    "$pgkeep" serve >>"$work/serve.out" 2>>"$work/serve.err" &
    serve=$!
    disown "$serve"
    at_exit+=("kill -9 $serve 2>/dev/null")
}
gone() { # gone PID SECONDS
    local n
    for ((n = 0; n < $2 * 20; n++)); do kill -0 "$1" 2>/dev/null || return 0; sleep 0.05; done
    return 1
}

# ---- due, and what systemd hears ----
config 'quick: { source = "pg"; stores = [ "nas" ]; every = "1s"; parallel = 0; };
  bad: { source = "none"; stores = [ "nas" ]; every = "1h"; };'
if command -v socat >/dev/null; then
    socat -u "UNIX-RECV:$work/notify" "CREATE:$work/told" &
    at_exit+=("kill $! 2>/dev/null")
    for n in 1 2 3 4 5 6 7 8 9; do [ -S "$work/notify" ] && break; sleep 0.1; done
    export NOTIFY_SOCKET=$work/notify WATCHDOG_USEC=400000
fi
serve_up
unset NOTIFY_SOCKET WATCHDOG_USEC
ok "what is due is run" until_is 10 "SELECT count(*) >= 2 FROM runs WHERE job = 'quick' AND state = 'complete'" 1
is "a job that fails stops nobody" "$(sql "SELECT state, exit_status FROM runs WHERE job = 'bad'")" "failed|4"
run "$pgkeep" serve
is "there is one for a catalog" "$status" 7

# ---- kill -9 of children and of itself ----
for n in 1 2 3; do
    # A child under way dies.
    for ((i = 0; i < 60; i++)); do
        child=$(sql "SELECT owner FROM runs WHERE state = 'running' AND job = 'quick' LIMIT 1")
        [ -z "$child" ] || break
        sleep 0.02
    done
    [ -z "$child" ] || kill -9 "${child%%:*}" 2>/dev/null
    sleep 0.3
    kill -9 "$serve"
    gone "$serve" 5
    serve_up
    sleep 0.7
done
ok "after all of that jobs go on" until_is 20 "SELECT count(*) >= 6 FROM runs WHERE job = 'quick' AND state = 'complete'" 1

# ---- reload, stop ----
config 'other: { source = "pg"; stores = [ "nas" ]; every = "1h"; };'
ok "a changed configuration is read by itself" until_is 10 "SELECT state FROM runs WHERE job = 'other'" complete
config 'other: { source = "pg"; stores = [ "nas" ]; every = "1h"; }; third: { source = "pg"; stores = [ "nas" ]; every = "1h"; };'
kill -HUP "$serve"
ok "SIGHUP brings it at once" until_is 10 "SELECT state FROM runs WHERE job = 'third'" complete
"$pgkeep" -q run --due
is "beside run --due neither counts anew" "$(sql "SELECT count(*) FROM runs WHERE job IN ('other', 'third')")" 2
echo "nonsense" >>"$PGKEEP_CONFIG"
for ((i = 0; i < 50; i++)); do grep -q "stays as it was" "$work/serve.err" && break; sleep 0.1; done
ok "a bad one changes nothing and is logged" grep -q "the configuration stays as it was" "$work/serve.err"
ok "and serve is there" kill -0 "$serve"
for ((i = 0; i < 50; i++)); do [ "$(sql "SELECT count(*) FROM runs WHERE ended = 0")" != 0 ] || break; sleep 0.1; done
sleep 2.5 # what it looked at for a while after the last run is over
switches() { awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$serve/status"; }
before=$(switches)
sleep 1.5
is "idle, it does not wake up" "$(switches)" "$before"
ok "and it is small: $(awk '/VmRSS/ { print $2 }' "/proc/$serve/status") KiB" test "$(awk '/VmRSS/ { print $2 }' "/proc/$serve/status")" -lt 15360
kill -TERM "$serve"
ok "SIGTERM ends it" gone "$serve" 10
is "no run is left without an end" "$(sql "SELECT count(*) FROM runs WHERE ended = 0")" 0
is "nor half an artifact" "$(sql "SELECT count(*) FROM artifacts WHERE status = 'running' AND job <> 'quick'")" 0
if [ -e "$work/told" ]; then
    like "systemd was told that it is ready" "$(tr '\0' '\n' <"$work/told")" "READY=1"
    like "how it is" "$(tr '\0' '\n' <"$work/told")" "STATUS=[0-9]+ running"
    like "and that it lives" "$(tr '\0' '\n' <"$work/told")" "WATCHDOG=1"
else
    skip "systemd is told how it is" "socat is not installed (package socat)"
fi

# ---- what runs when it is told to stop ----
psql -qX -c "BEGIN; LOCK TABLE t; SELECT pg_sleep(60)" >/dev/null 2>&1 &
holder=$!
at_exit+=("kill $holder 2>/dev/null")
sleep 0.3
config 'held: { source = "pg"; stores = [ "nas" ]; every = "1h"; parallel = 0; };'
serve_up
until_is 10 "SELECT state FROM runs WHERE job = 'held'" running
until_is 10 "SELECT count(*) FROM artifacts WHERE job = 'held' AND status = 'running'" 1
kill -TERM "$serve"
ok "a run that does not end in stop_grace is cancelled" gone "$serve" 15
is "cleanly" "$(sql "SELECT state, exit_status FROM runs WHERE job = 'held'"):$(sql "SELECT status FROM artifacts WHERE job = 'held'")" "cancelled|143:cancelled"
kill "$holder" && wait "$holder" 2>/dev/null
psql -qXtA -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%LOCK TABLE t%' AND pid <> pg_backend_pid()" >/dev/null

# ---- the count of it all ----
# A killed run is one that failed; none is counted twice, none is missing.
run "$pgkeep" --json jobs
is "statistics are those of the runs" "$(jq -c '.jobs[] | select(.name == "held") | .runs' <<<"$out")" \
    '{"total":1,"successful":0,"failed":0,"cancelled":1}'
is "no two runs of one job overlapped" "$(sql "SELECT count(*) FROM runs a JOIN runs b ON a.job = b.job AND a.id < b.id
    WHERE b.started > 0 AND b.started < a.ended")" 0
ok "an unfinished artifact of a killed run is settled by the next one" "$pgkeep" -q --config /dev/null --catalog "$catalog" status
finished
