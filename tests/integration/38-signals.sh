#!/usr/bin/env bash
# Signals and limits. What was ignored when the program began stays ignored; a limit of file size or of open files is an
# error like any other; and after SIGTERM the program has ended within 8 s, whatever a store or a server does.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

pg_up main
rgw_up
s3_bucket backups
noise_db shop 400000
export PGKEEP_CATALOG=$work/catalog.db PGKEEP_PART_BUDGET=16MiB # so that pg_dump has to wait for the stores
source="host=$PGHOST port=$PGPORT user=postgres dbname=shop"
slow=(backup nightly --limit-rate 4MiB)
gateway=$(cat "$rgw_folder/gateway.pid")
uploads() { s3_call GET 'backups?uploads=' | grep -c '<Upload>'; }
cat >"$work/pgkeep.conf" <<END
sources: { shop: { conninfo = "$source"; }; };
stores: { nas: { type = "dir"; path = "$work/nas"; };
          ceph: { type = "s3"; endpoint = "$rgw_endpoint"; bucket = "backups"; prefix = "p/"; path_style = true; }; };
jobs: { nightly: { source = "shop"; stores = [ "nas", "ceph" ]; compress = "none"; }; };
END
export PGKEEP_CONFIG=$work/pgkeep.conf
sessions() { psql -AtX -d postgres -c "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop'"; }
many() { [ "$(psql -AtX -d postgres -c "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop' AND query LIKE 'COPY %' AND state = 'active'")" -ge 2 ]; }
no_session() { [ "$(sessions)" = 0 ]; }
# The thread that takes signals is there.
listens() { [ "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)" -ge 2 ] || [ ! -e "/proc/$pid" ]; }
dumps() { psql -AtX -d postgres -c "SELECT pid FROM pg_stat_activity WHERE datname = 'shop' AND query LIKE 'COPY %'"; }
until_so() { # until_so COMMAND...: within 20 s
    local tries
    for ((tries = 0; tries < 200; tries++)); do
        "$@" && return
        sleep 0.1
    done
    return 1
}
begun() { [ "$(uploads)" = 1 ] && [ -n "$(dumps)" ]; }
start() { # start WHAT-HAS-BEGUN COMMAND...
    local begun=$1
    shift
    (exec "$pgkeep" "$@") >"$work/slow.out" 2>"$work/slow.err" </dev/null &
    pid=$!
    until_so "$begun" || diag "it never began: $(cat "$work/slow.err")"
}
# ended NAME STATUS: after the signal that was sent; the time is that of the contract.
ended() {
    local begin=${EPOCHREALTIME/./} status
    wait "$pid"
    status=$?
    took=$(((${EPOCHREALTIME/./} - begin) / 1000))
    is "$1: exit status" "$status" "$2"
    ok "$1: within 8 s ($took ms)" [ "$took" -lt 8000 ]
}

# --- stuck for good, here behind a pipe that nobody reads: asked now, looked at in the end
mkfifo "$work/nobody-reads"
exec 4<>"$work/nobody-reads"
dd if=/dev/zero of="$work/nobody-reads" bs=4096 oflag=nonblock count=1000 2>/dev/null
stuck() {
    local begin=${EPOCHREALTIME/./}
    timeout --preserve-status 1 "$pgkeep" status >&4 2>&4 </dev/null
    echo $? $(((${EPOCHREALTIME/./} - begin) / 1000)) >"$work/stuck"
}
stuck &
stuck=$!

# --- what somebody ignores for us
(trap '' HUP INT && exec "$pgkeep" "${slow[@]/4MiB/16MiB}") >"$work/nohup.out" 2>"$work/nohup.err" </dev/null &
pid=$!
until_so begun || diag "it never began: $(cat "$work/nohup.err")"
dump=$(pgrep -P "$pid")
kill -HUP "$pid"
kill -INT "$pid"
is "what a terminal sends to all does not reach pg_dump" "$(ps -o sid= -p "$dump" | tr -d ' ')" "$dump"
wait "$pid"
is "ignored SIGHUP and SIGINT (nohup, background): the backup goes on" $? 0
is "and is complete" "$("$pgkeep" list --json | jq -r '.artifacts[0].status')" complete

# --- a service, a server or a program that is frozen
start begun "${slow[@]}"
kill -STOP "$gateway"
kill -TERM "$pid"
ended "SIGTERM, and the S3 service is frozen" 143
kill -CONT "$gateway"
ok "and pg_dump and its session are gone" until_so no_session
run "$pgkeep" sweep
is "sweep does the rest" "$status $(uploads)" "0 0"
is "and nothing lies about" "$(find "$work/nas" -name '*.part' | wc -l)" 0

start begun "${slow[@]}"
backend=$(dumps)
kill -STOP "$backend"
kill -TERM "$pid"
ended "SIGTERM, and the backend is frozen" 143
is "everything is cleaned nevertheless" "$(uploads) $(find "$work/nas" -name '*.part' | wc -l)" "0 0"
kill -CONT "$backend"
ok "and the session ends when it wakes up" until_so no_session

start begun "${slow[@]}"
kill -STOP "$(pgrep -P "$pid")"
kill -INT "$pid"
ended "SIGINT, and pg_dump is frozen" 130
ok "SIGINT: pg_dump and its session are gone" until_so no_session

latest=$("$pgkeep" list --json | jq -r '[.artifacts[] | select(.status == "complete")][0].id')
for command in "verify $latest --level full --store" "fetch $latest --output /dev/null --force --store"; do
    kill -STOP "$gateway"
    # shellcheck disable=SC2086 # words
    start listens $command ceph
    kill -TERM "$pid"
    ended "SIGTERM, and the S3 service is frozen: ${command%% *}" 143
    kill -CONT "$gateway"
done

# --- the server accepts, and never answers
postmaster=$(head -n 1 "$PGHOST/data/postmaster.pid")
kill -STOP "$postmaster"
start listens backup nightly
kill -TERM "$pid"
ended "SIGTERM, and the server never answers" 143
kill -CONT "$postmaster"

# --- a question of ours waits for a lock
mkfifo "$work/locker"
psql -qX -d shop <"$work/locker" >/dev/null &
exec 5>"$work/locker"
echo 'BEGIN; LOCK TABLE pg_catalog.pg_shdescription IN ACCESS EXCLUSIVE MODE;' >&5
waits() { [ "$(psql -AtX -d postgres -c "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgkeep' AND wait_event_type = 'Lock'")" = 1 ]; }
start waits backup nightly
kill -TERM "$pid"
ended "SIGTERM, and our own question waits for a lock" 143
ok "at once ($took ms)" [ "$took" -lt 2000 ]
echo 'ROLLBACK;' >&5
exec 5>&-

# --- several workers
for signal in TERM KILL; do
    start many backup nightly --parallel 3 --limit-rate 2MiB
    kill "-$signal" "$pid"
    wait "$pid" 2>/dev/null
    ok "SIG$signal, several workers: all their sessions are gone" until_so no_session
done
run "$pgkeep" sweep

# --- a second signal
start begun "${slow[@]}"
kill -STOP "$gateway"
kill -TERM "$pid"
ended_dump() { ! pgrep -P "$pid" >/dev/null; }
until_so ended_dump # the first one is being heeded
once_more() { ! kill -INT "$pid" 2>/dev/null; } # what comes at once is the same one
begin=${EPOCHREALTIME/./}
until_so once_more
wait "$pid"
is "a second signal: exit status of the first" $? 143
ok "a second signal: at once" [ $(((${EPOCHREALTIME/./} - begin) / 1000)) -lt 2000 ]
kill -CONT "$gateway"
ok "a second signal: pg_dump and its session are gone" until_so no_session

# --- kill -9 while nothing is read
start begun "${slow[@]}"
kill -9 "$pid"
wait "$pid" 2>/dev/null
ok "kill -9: pg_dump and its session are gone" until_so no_session

# --- the one from the beginning
wait "$stuck"
read -r status took <"$work/stuck"
is "SIGTERM after 1 s, and it is stuck: exit status" "$status" 143
ok "SIGTERM after 1 s, and it is stuck: within 8 s ($took ms)" [ "$took" -gt 7500 -a "$took" -lt 9000 ]

# --- limits
(ulimit -f 4096 && exec "$pgkeep" backup nightly) >"$work/limit.out" 2>"$work/limit.err" </dev/null
is "ulimit -f: exit status" $? 8
like "ulimit -f: told as what it is" "$(cat "$work/limit.err")" "nas\": .*ulimit -f"
run "$pgkeep" verify "$(cat "$work/limit.out")" --store ceph
is "ulimit -f: the copy in the other store is good" "$status" 0
for files in 5 8 12 16; do
    (ulimit -n "$files" && exec "$pgkeep" backup nightly) >/dev/null 2>"$work/limit.err" </dev/null
    ok "ulimit -n $files: it fails" [ $? -gt 0 ]
    like "ulimit -n $files: told as what it is" "$(cat "$work/limit.err")" "ulimit -n"
    unlike "ulimit -n $files: not as a missing package" "$(cat "$work/limit.err")" "install"
done
finished
