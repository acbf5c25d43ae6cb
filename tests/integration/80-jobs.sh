#!/usr/bin/env bash
# Goal: jobs run when they are due, once each, whoever looks: `run --due` from cron and `serve`; they can be seen,
# switched, and cancelled from another process, which leaves nothing half anywhere.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
pg_up main
psql -qX -c "CREATE TABLE t AS SELECT generate_series(1, 1000) AS n" || exit 1
mkdir "$work/store" "$work/conf.d"
catalog=$work/catalog.db
export PGKEEP_CONFIG=$work/pgkeep.conf
cat >"$PGKEEP_CONFIG" <<END
catalog = "$catalog";
include_dir = "conf.d";
editable = true;
stop_grace = "1s";
sources: { pg: { conninfo = "dbname=postgres"; }; none: { conninfo = "dbname=nowhere"; }; };
stores: { nas: { type = "dir"; path = "$work/store"; }; };
jobs: { by_hand: { source = "pg"; stores = [ "nas" ]; }; };
END
job() { # job NAME SOURCE KEYS
    echo "jobs: { $1: { source = \"$2\"; stores = [ \"nas\" ]; $3 }; };" >"$work/conf.d/$1.conf"
}
sql() { sqlite3 "$catalog" "$1"; }
count() { sql "SELECT count(*) FROM runs WHERE ${1:-1}"; }
# Until a question answers this, for at most ten seconds.
until_is() {
    local n got=""
    for ((n = 0; n < 100; n++)); do
        got=$(sql "$1" 2>/dev/null) && [ "$got" = "$2" ] && return 0
        sleep 0.1
    done
    diag "$1: $got instead of $2"
    return 1
}
command -v sqlite3 >/dev/null || skip_all "sqlite3 is not installed (package sqlite3)"

# ---- run --due ----
job often pg 'every = "1h";'
run "$pgkeep" run --due
is "what is due is run" "$status" 0
like "and its id printed" "$out" '^[0-9A-Z]{26}$'
run "$pgkeep" run --due
is "once" "$status:$out" "0:"
is "by the schedule" "$(sql "SELECT state, cause, exit_status, kind FROM runs")" "complete|schedule|0|backup"
like "and its last words are kept" "$(sql "SELECT log FROM runs")" 'info: backup of postgres'
sql "UPDATE schedules SET handled = handled - 7200; UPDATE runs SET started = started - 7200, ended = ended - 7200"
for n in 1 2 3 4; do "$pgkeep" -q run --due >"$work/round$n" 2>&1 & pids[n]=$!; done
wait "${pids[@]}"
is "four rounds at once run it once" "$(cat "$work"/round[1-4] | wc -l):$(count)" "1:2"
job fails none 'every = "1h"; retries = 1; retry_delay = "1s";'
run "$pgkeep" run --due
is "one that fails says how" "$status" 4
sleep 1.1
run "$pgkeep" run --due
is "is tried again" "$(sql "SELECT cause, retry, state FROM runs WHERE job = 'fails' ORDER BY id")" "schedule|0|failed
retry|1|failed"
sleep 2.1
run "$pgkeep" run --due
is "as often as it shall be" "$status:$(count "job = 'fails'")" "0:2"
run "$pgkeep" run by_hand
is "a job without a schedule runs when it is asked for" "$status" 0
run "$pgkeep" run nobody
is "one that does not exist is an error" "$status" 3
run "$pgkeep" run
is "and so is none" "$status" 2

# ---- hooks ----
cat >"$work/hook" <<'END'
#!/bin/sh
echo "$1 says: $PGKEEP_HOOK of $PGKEEP_JOB, ${PGPASSWORD:-no password}, ${SHOP_SECRET:-no secret}, exit ${PGKEEP_EXIT_STATUS:-none}"
cat >"$2/$PGKEEP_HOOK.json"
END
cat >"$work/slow" <<'END'
#!/bin/sh
echo $$ >"$1/slow.pid"
sleep 60 &
echo $! >>"$1/slow.pid"
wait
END
chmod +x "$work/hook" "$work/slow"
hooks="before = [ \"$work/hook\", \"one\", \"$work\" ]; after_success = [ \"$work/hook\", \"two\", \"$work\" ];
  after_failure = [ \"$work/hook\", \"three\", \"$work\" ];"
job hooked pg "$hooks"
run env PGPASSWORD=only-a-test "$pgkeep" backup hooked
like "a hook gets facts, and no password" "$err" "hook before: one says: before of hooked, no password, no secret, exit none"
like "after a success its own one runs" "$err" "hook after_success: two says: after_success of hooked, no password, no secret, exit 0"
is "with the artifact as JSON" "$(jq -r '.artifacts[0].id' "$work/after_success.json")" "$out"
job hooked none "$hooks"
run "$pgkeep" backup hooked
like "after a failure the other" "$err" "hook after_failure: three says: .*, exit 4"
is "with the error" "$(jq -r '[.exit_status, (.error | length > 0)] | @csv' "$work/after_failure.json")" "4,true"
job hooked pg 'before = [ "false" ];'
run "$pgkeep" backup hooked
is "a failing before stops the run" "$status:$(sql "SELECT count(*) FROM artifacts WHERE job = 'hooked'")" "1:1"
like "and says so" "$err" "hook before: false ended with exit status 1"
job hooked pg "after_success = [ \"$work/slow\", \"$work\" ]; hook_timeout = \"1s\";"
run "$pgkeep" backup hooked
is "one that takes too long is only a warning" "$status" 0
like "that says how long" "$err" "warning: hook after_success: the time limit of 1.0s is over"
is "and nothing of it is left" "$(xargs -n 1 kill -0 <"$work/slow.pid" 2>/dev/null && echo there)" ""
rm "$work/conf.d/hooked.conf"

# ---- jobs, enable, disable ----
run "$pgkeep" --json jobs
is "jobs counts runs" "$(jq -c '[.jobs[] | [.name, .runs.total, .runs.successful, .runs.failed]]' <<<"$out")" \
    '[["by_hand",1,1,0],["fails",2,0,2],["often",2,2,0]]'
is "and knows when the next one comes" "$(jq -r '.jobs[] | select(.name == "often") | .next_run' <<<"$out")" \
    "$(date -u -d "@$(($(sql "SELECT max(started) FROM runs WHERE job = 'often'") + 3600))" +%FT%TZ)"
is "and its newest backup" "$(jq -r '.jobs[] | select(.name == "often") | .last_artifact' <<<"$out")" \
    "$(sql "SELECT id FROM artifacts WHERE job = 'often' ORDER BY time DESC, seq DESC LIMIT 1")"
is "or that none does" "$(jq -c '.jobs[0] | [.next_run, .last_run.trigger, .last_run.state]' <<<"$out")" '[null,"cli","complete"]'
run "$pgkeep" jobs
like "people get a table" "$out" 'often +every 1h'
run "$pgkeep" disable often
is "a job is switched off" "$status" 0
is "in its file" "$(cat "$work/conf.d/often.conf")" 'jobs: { often: { enabled = false; source = "pg"; stores = [ "nas" ]; every = "1h"; }; };'
sql "UPDATE schedules SET handled = handled - 7200"
before=$(count "job = 'often'")
"$pgkeep" -q run --due >/dev/null 2>&1
is "and not run then" "$(count "job = 'often'")" "$before"
run "$pgkeep" disable by_hand
is "one of the main file is left alone" "$status" 3
like "and the place is named" "$err" "by_hand.* stands in $PGKEEP_CONFIG"

# ---- metrics ----
run "$pgkeep" metrics
like "metrics tell of the last good backup" "$out" 'pgkeep_backup_last_success_timestamp_seconds\{job="by_hand",database="postgres",type="full"\} [0-9]{10}'
like "and count copies" "$out" "pgkeep_copies\\{store=\"nas\",state=\"complete\"\\} [1-9]"
like "bytes that were stored" "$out" 'pgkeep_uploaded_bytes_total\{job="by_hand",store="nas"\} [1-9]'
like "how late the last run was" "$out" 'pgkeep_run_last_delay_seconds\{job="often",kind="backup"\} [0-9]'
like "and ring of a job that never had a good one" "$out" 'pgkeep_backup_last_success_timestamp_seconds\{job="fails",database="nowhere",type="full"\} 0'
run "$pgkeep" --json metrics
is "their format is their own" "$status:$(jq -r .error.kind <<<"$out")" "2:usage"
"$pgkeep" metrics --output "$work/pgkeep.prom"
is "a file is written as a whole, for others to read" "$(stat -c %a "$work/pgkeep.prom"):$(find "$work" -name 'pgkeep.prom.*')" "644:"
promtool=$(command -v promtool || command -v "${TEST_SERVICES_BIN:-/nowhere}/promtool")
# By ourselves where promtool is not: each name once, its HELP and TYPE before its samples, and no sample twice.
is "each metric has its HELP and TYPE, each sample its own labels" "$(awk '
    /^# HELP / { help[$3]++; next }
    /^# TYPE / { if (help[$3] != 1 || type[$3]++) print "TYPE", $3; if ($4 == "counter" && $3 !~ /_total$/) print "counter", $3; next }
    { name = $1; sub(/[{].*/, "", name); if (!type[name]) print "sample", $0; sub(/ [^ ]*$/, ""); if (seen[$0]++) print "twice", $0 }
    !/^[a-z_]+([{]([a-z]+="([^"\\]|\\.)*",?)+[}])?( -?[0-9.e+]+)?$/ { print "form", $0 }' "$work/pgkeep.prom")" ""
if [ -n "$promtool" ]; then
    ok "promtool finds nothing wrong" sh -c "'$promtool' check metrics <'$work/pgkeep.prom'"
    ok "nor with the alerts" "$promtool" check rules "$top/conf/examples/alerts.yml"
else
    skip "promtool finds nothing wrong" "promtool is not installed (scripts/install-services promtool)"
fi
rm "$work"/conf.d/*.conf

# ---- cancel ----
# A dump that waits for a table that somebody holds.
psql -qX -c "BEGIN; LOCK TABLE t; SELECT pg_sleep(60)" >/dev/null 2>&1 &
holder=$!
at_exit+=("kill $holder 2>/dev/null")
sleep 0.3
job held pg 'parallel = 0;'
"$pgkeep" -q backup held >"$work/held.out" 2>"$work/held.err" &
held=$!
until_is "SELECT count(*) FROM artifacts WHERE job = 'held' AND status = 'running'" 1
sleep 0.3
id=$(sql "SELECT id FROM artifacts WHERE job = 'held'")
"$pgkeep" --json status --follow >"$work/followed" &
follower=$!
sleep 1
begun=$(date +%s%N)
run "$pgkeep" cancel "$id"
took=$((($(date +%s%N) - begun) / 1000000))
is "a backup is cancelled by its id" "$status" 0
ok "within two seconds ($took ms)" test "$took" -lt 2500
wait "$held"
is "its process ends as after SIGTERM" "$?" 143
is "and says so" "$(sql "SELECT status FROM artifacts WHERE job = 'held'"):$(sql "SELECT state FROM runs WHERE job = 'held'")" "cancelled:cancelled"
wait "$follower"
is "who followed it saw it, and its end" "$?:$(jq -r .id "$work/followed" | uniq)" "0:$id"
is "no session of the dump is left" "$(psql -qXtA -c "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_dump'")" 0
is "and no file" "$(find "$work/store" -type f -newer "$work/held.out" ! -name '*.md' | wc -l)" 0
run "$pgkeep" cancel "$id"
is "what is over cannot be cancelled" "$status" 1
sql "INSERT INTO runs (kind, job, state, cause, requested, started, ended, owner, exit_status) VALUES ('backup', 'held', 'pending', 'api', 1, 0, 0, '', -1)"
run "$pgkeep" cancel "$(sql "SELECT max(id) FROM runs")"
is "a pending one ends before it begins" "$(sql "SELECT state, started FROM runs ORDER BY id DESC LIMIT 1")" "cancelled|0"
# Whoever ends `run` ends what it began, which has its time to clean up; nobody is killed.
"$pgkeep" -q run held >/dev/null 2>"$work/held.err" &
held=$!
until_is "SELECT count(*) FROM artifacts WHERE job = 'held' AND status = 'running'" 1
kill -TERM "$held"
wait "$held"
is "SIGTERM to run ends its run" "$?:$(sql "SELECT state, exit_status FROM runs ORDER BY id DESC LIMIT 1")" "143:cancelled|143"
# Its process is stopped and hears nothing: the row ends it when it goes on, and a dead one is settled.
"$pgkeep" -q backup held >"$work/held.out" 2>"$work/held.err" &
held=$!
until_is "SELECT count(*) FROM artifacts WHERE job = 'held' AND status = 'running'" 1
kill -9 "$held"
wait "$held" 2>/dev/null
run "$pgkeep" cancel "$(sql "SELECT max(id) FROM runs")"
is "a run whose process was killed is settled by whoever asks" "$(sql "SELECT state FROM runs ORDER BY id DESC LIMIT 1")" cancelled
kill "$holder" && wait "$holder" 2>/dev/null
psql -qXtA -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%LOCK TABLE t%' AND pid <> pg_backend_pid()" >/dev/null

# A round that was killed before its runs began leaves them to the next one.
job orphan pg ''
sql "INSERT INTO runs (kind, job, state, cause, requested, started, ended, owner, exit_status) SELECT 'backup', 'orphan', 'pending',
 'schedule', 1, 0, 0, owner, -1 FROM runs WHERE owner <> '' ORDER BY id LIMIT 1"
"$pgkeep" -q run --due >/dev/null 2>&1
is "what a dead round asked for is run by the next" "$(sql "SELECT state FROM runs WHERE job = 'orphan'")" complete
rm "$work/conf.d/orphan.conf"
finished
