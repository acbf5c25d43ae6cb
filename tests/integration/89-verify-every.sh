#!/usr/bin/env bash
# Goal: verify_every: backups are verified by themselves, each in its turn, as runs that are seen, cancelled and
# counted like any other, and never beside another run of their job.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
command -v sqlite3 >/dev/null || skip_all "sqlite3 is not installed (package sqlite3)"
pg_up main
psql -qX -c "CREATE TABLE t AS SELECT generate_series(1, 1000) AS n" || exit 1
mkdir "$work/store"
catalog=$work/catalog.db
export PGKEEP_CONFIG=$work/pgkeep.conf
config() { # config KEYS
    cat >"$PGKEEP_CONFIG" <<END
catalog = "$catalog";
sources: { pg: { conninfo = "dbname=postgres"; }; };
stores: { nas: { type = "dir"; path = "$work/store"; }; };
jobs: { nightly: { source = "pg"; stores = [ "nas" ]; $1 }; };
END
}
sql() { sqlite3 -cmd '.timeout 5000' "$catalog" "$1"; }
# Which artifact was checked by the last verification.
checked() { sql "SELECT artifacts.id FROM verifications v JOIN copies ON copies.id = copy JOIN artifacts ON number = artifact ORDER BY v.id DESC LIMIT 1"; }
earlier() { sql "UPDATE runs SET started = started - $1, ended = ended - $1; UPDATE schedules SET handled = handled - $1; UPDATE verifications SET time = time - $1; UPDATE copies SET verified = verified - $1, proven = proven - $1 WHERE proven > 0; UPDATE artifacts SET finished = finished - $1"; }

# ---- by run --due ----
config 'verify_every = "1d";'
run "$pgkeep" run --due
is "before there is a backup nothing is verified" "$status:$(sql "SELECT count(*) FROM runs")" "0:0"
first=$("$pgkeep" -q backup nightly)
second=$("$pgkeep" -q backup nightly)
sql "UPDATE artifacts SET finished = finished - 100"
run "$pgkeep" run --due
is "then its turn comes" "$status:$(sql "SELECT kind, job, state, cause, exit_status FROM runs ORDER BY id DESC LIMIT 1")" \
    "0:verify|nightly|complete|schedule|0"
is "the oldest first" "$(checked)" "$first"
is "all of its bytes" "$(sql "SELECT level, result FROM verifications")" "2|good"
run "$pgkeep" run --due
is "once" "$(sql "SELECT count(*) FROM runs WHERE kind = 'verify'")" 1
earlier 86400
run "$pgkeep" run --due
is "a day later it is the next one" "$(checked)" "$second"
earlier 86400
run "$pgkeep" run --due
is "and then the first again" "$(checked)" "$first"

# ---- what it finds ----
rm "$(find "$work/store" -name "*$second.sql.*")"
config 'verify_every = "1d"; verify_level = "quick"; retries = 3; retry_delay = "1s";'
earlier 86400
run "$pgkeep" run --due
is "a backup that is broken fails the run" "$status:$(sql "SELECT state, exit_status FROM runs ORDER BY id DESC LIMIT 1")" "6:failed|6"
is "as verify_level says: at a look" "$(sql "SELECT level, result FROM verifications ORDER BY id DESC LIMIT 1")" "1|missing"
sleep 1.1
run "$pgkeep" run --due
is "which is not tried again" "$(sql "SELECT count(*) FROM runs WHERE kind = 'verify'")" 4
earlier 86400
run "$pgkeep" run --due
is "nor does it stand before the others" "$(checked)" "$first"
run "$pgkeep" --json jobs
is "jobs tells of it apart from the backups" "$(jq -c '.jobs[0] | [.runs.total, .verify.runs.total, .verify.every, .verify.level, .verify.last_run.exit_status]' <<<"$out")" \
    '[2,5,86400,"quick",0]'
run "$pgkeep" jobs
like "for people, too" "$out" 'nightly +verify every 1d +2[0-9-]+'
run "$pgkeep" metrics
like "and so do metrics" "$out" 'pgkeep_runs_total\{job="nightly",kind="verify",state="failed"\} 1'

# ---- one run of a job at a time; cancel ----
psql -qX -c "BEGIN; LOCK TABLE t; SELECT pg_sleep(60)" >/dev/null 2>&1 &
holder=$!
at_exit+=("kill $holder 2>/dev/null")
sleep 0.3
earlier 86400
"$pgkeep" -q backup nightly >/dev/null 2>&1 &
backup=$!
for ((i = 0; i < 100; i++)); do [ "$(sql "SELECT count(*) FROM runs WHERE state = 'running'" 2>/dev/null)" != 1 ] || break; sleep 0.05; done
"$pgkeep" -q run --due
is "beside a backup of its job none begins" "$(sql "SELECT count(*) FROM runs WHERE kind = 'verify' AND ended = 0"):$(sql "SELECT count(*) FROM runs WHERE kind = 'verify'")" "0:5"
"$pgkeep" -q cancel "$(sql "SELECT max(id) FROM runs")"
wait "$backup"
kill "$holder" && wait "$holder" 2>/dev/null
psql -qXtA -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%LOCK TABLE t%' AND pid <> pg_backend_pid()" >/dev/null
sql "INSERT INTO runs (kind, job, state, cause, requested, started, ended, owner, exit_status) SELECT 'verify', 'nightly', 'pending',
 'schedule', 1, 0, 0, owner, -1 FROM runs WHERE owner <> '' ORDER BY id LIMIT 1"
run "$pgkeep" cancel "$(sql "SELECT max(id) FROM runs")"
is "one that waits is cancelled by its number" "$status:$(sql "SELECT state FROM runs ORDER BY id DESC LIMIT 1")" "0:cancelled"
"$pgkeep" -q run --due >/dev/null 2>&1
is "when the job is free again its turn comes" "$(sql "SELECT kind, state FROM runs ORDER BY id DESC LIMIT 1")" "verify|complete"
run "$pgkeep" disable nightly # it stands in the main file
is "it is the job that is enabled or not" "$status" 3
config 'verify_every = "1d"; enabled = false;'
earlier 86400
before=$(sql "SELECT count(*) FROM runs")
"$pgkeep" -q run --due
is "a job that is off verifies nothing" "$(sql "SELECT count(*) FROM runs")" "$before"

# ---- by serve, beside backups that are due all the time ----
config 'every = "1s"; verify_every = "1s";'
"$pgkeep" serve 2>"$work/serve.err" &
serve=$!
at_exit+=("kill -9 $serve 2>/dev/null")
for ((i = 0; i < 150; i++)); do
    done_runs=$(sql "SELECT count(*) FROM runs WHERE id > $(($(sql "SELECT max(id) FROM runs WHERE cause = 'cli'") + 2)) AND kind = 'verify' AND state = 'complete'" 2>/dev/null)
    [ "${done_runs:-0}" -lt 2 ] || break
    sleep 0.1
done
kill -TERM "$serve"
wait "$serve"
ok "serve has both" test "$(sql "SELECT count(DISTINCT kind) FROM runs WHERE cause = 'schedule' AND state = 'complete'")" = 2
is "never two of them at once" "$(sql "SELECT count(*) FROM runs a JOIN runs b ON a.id < b.id
    WHERE b.started > 0 AND a.started > 0 AND b.started < a.ended AND a.cause = 'schedule' AND b.cause = 'schedule'")" 0
is "no run is left without an end" "$(sql "SELECT count(*) FROM runs WHERE ended = 0")" 0

# ---- by hand ----
run "$pgkeep" verify --longest-unverified
is "whose turn it is is asked of a job" "$status" 2
run "$pgkeep" --json verify --job nightly --longest-unverified
is "by hand it is one backup as well" "$status:$(jq '.verifications | length' <<<"$out")" "0:1"

# ---- drill_every ----
config 'drill_every = "7d";'
newest=$("$pgkeep" -q backup nightly)
run "$pgkeep" run --due
is "drill_every restores and compares" "$status:$(sql "SELECT kind, job, state, cause FROM runs ORDER BY id DESC LIMIT 1")" "0:drill|nightly|complete|schedule"
is "the newest" "$(checked):$(sql "SELECT level, result FROM verifications ORDER BY id DESC LIMIT 1")" "$newest:3|good"
run "$pgkeep" run --due
is "once" "$(sql "SELECT count(*) FROM runs WHERE kind = 'drill'")" 1
run "$pgkeep" metrics
like "its age is a metric" "$out" 'pgkeep_backup_last_drilled_timestamp_seconds\{job="nightly",database="postgres",type="full"\} [0-9]+'
finished
