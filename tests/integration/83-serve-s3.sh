#!/usr/bin/env bash
# Goal: on a real S3 service `serve` loses no run and leaves no ghost, whatever is killed; `cancel` at random moments
# leaves nothing behind, in no store and on no server. PGKEEP_LONG=1: ten minutes of a backup every five seconds, with a
# kill every half minute; and twenty moments.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
command -v sqlite3 >/dev/null || skip_all "sqlite3 is not installed (package sqlite3)"
seconds=${test_long:+600} moments=${test_long:+20} every=${test_long:+5s} pause=${test_long:+29}
seconds=${seconds:-6} moments=${moments:-4} every=${every:-2s} pause=${pause:-1}
RANDOM=$((${test_seed:-20261130} % 32768))
pg_up main
rgw_up
s3_bucket serve
psql -qX -c "CREATE TABLE t AS SELECT n, md5(n::text) FROM generate_series(1, 300000) AS n" || exit 1
mkdir "$work/store"
catalog=$work/catalog.db
export PGKEEP_CONFIG=$work/pgkeep.conf
config() { # config JOB KEYS
    cat >"$PGKEEP_CONFIG" <<END
catalog = "$catalog";
stop_grace = "20s";
sources: { pg: { conninfo = "dbname=postgres"; }; };
stores: { nas: { type = "dir"; path = "$work/store"; };
  s3: { type = "s3"; endpoint = "$rgw_endpoint"; bucket = "serve"; path_style = true; }; };
jobs: { $1: { source = "pg"; stores = [ "nas", "s3" ]; $2 }; };
END
}
sql() { sqlite3 -cmd '.timeout 5000' "$catalog" "$1"; }
serve_up() {
    "$pgkeep" serve >>"$work/serve.out" 2>>"$work/serve.err" &
    serve=$!
    disown "$serve"
    at_exit+=("kill -9 $serve 2>/dev/null")
}

# ---- kills ----
config often "every = \"$every\";"
serve_up
end=$((SECONDS + seconds)) kills=0 zombies=0
while [ "$SECONDS" -lt "$end" ]; do
    sleep "$((pause + RANDOM % 2)).$((RANDOM % 10))"
    zombies=$((zombies + $(pgrep -c -P "$serve" -r Z)))
    if ((RANDOM % 2)); then
        child=$(sql "SELECT owner FROM runs WHERE state = 'running' LIMIT 1" 2>/dev/null)
        [ -z "$child" ] || { kill -9 "${child%%:*}" 2>/dev/null && kills=$((kills + 1)); }
    else
        kill -9 "$serve" && kills=$((kills + 1))
        serve_up
    fi
done
diag "$kills kills"
sleep 3 # what was killed last is settled by the next look
kill -TERM "$serve"
for ((i = 0; i < 600; i++)); do kill -0 "$serve" 2>/dev/null || break; sleep 0.1; done
"$pgkeep" -q sweep 2>"$work/sweep.err"
is "no run is without an end" "$(sql "SELECT count(*) FROM runs WHERE ended = 0")" 0
is "no artifact is half" "$(sql "SELECT count(*) FROM artifacts WHERE status = 'running'")" 0
is "none of two runs overlapped" "$(sql "SELECT count(*) FROM runs a JOIN runs b ON a.id < b.id AND a.kind = 'backup' AND b.kind = 'backup'
    WHERE b.started > 0 AND b.started < a.ended")" 0
# A run that was killed behind its manifest has failed, and its backup is good.
ok "each successful run has its backup" test "$(sql "SELECT count(*) FROM runs WHERE kind = 'backup' AND state = 'complete'")" \
    -le "$(sql "SELECT count(*) FROM artifacts WHERE status = 'complete'")"
run "$pgkeep" --json jobs
is "statistics equal a count" "$(jq -r '.jobs[0].runs | [.total, .successful, .failed, .cancelled] | @csv' <<<"$out")" \
    "$(sql "SELECT count(*), sum(state = 'complete'), sum(state = 'failed'), sum(state = 'cancelled') FROM runs WHERE kind = 'backup'" | tr '|' ',')"
is "no child stayed a zombie" "$zombies" 0
is "no child is left" "$(pgrep -f "$pgkeep backup often" | wc -l)" 0

# ---- cancel at any moment ----
config held ''
good=0
for ((n = 0; n < moments; n++)); do
    "$pgkeep" -q backup held >"$work/held.out" 2>"$work/held.err" &
    held=$!
    for ((i = 0; i < 200; i++)); do
        id=$(sql "SELECT id FROM runs WHERE state = 'running' AND job = 'held'")
        [ -z "$id" ] || break
        sleep 0.01
    done
    sleep "0.$(printf %02d $((RANDOM % 60)))"
    run "$pgkeep" cancel "$id"
    wait "$held"
    result=$?
    # It was faster, or it is cancelled: never anything between.
    state=$(sql "SELECT state FROM runs WHERE id = $id")
    case $result:$state in 0:complete | 143:cancelled) good=$((good + 1)) ;; *) diag "$result:$state ${out}$err" ;; esac
done
is "a cancelled run is cancelled, one that was faster complete" "$good" "$moments"
is "no artifact is under way" "$(sql "SELECT count(*) FROM artifacts WHERE status = 'running'")" 0
is "no upload is open" "$(s3_call GET 'serve?uploads=' 2>/dev/null | grep -c '<UploadId>')" 0
is "no session is left on the server" "$(psql -qXtA -c "SELECT count(*) FROM pg_stat_activity WHERE application_name IN ('pg_dump', 'pgkeep')")" 0
run "$pgkeep" catalog check
is "stores and catalog agree" "$status" 0
finished
