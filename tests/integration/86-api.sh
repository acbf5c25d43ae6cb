#!/usr/bin/env bash
# Goal: `serve` with `listen` answers who has logged in, with the documents of --json, and nobody else; a backup that
# is asked for over HTTP is a run of its own; secrets do not leave.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
pg_up main
psql -qX -c "CREATE TABLE t AS SELECT generate_series(1, 1000) AS n" || exit 1
mkdir "$work/store" "$work/conf.d"
port=$(free_port)
export PGKEEP_CONFIG=$work/pgkeep.conf
cat >"$PGKEEP_CONFIG" <<END
catalog = "$work/catalog.db";
stop_grace = "1s";
listen = [ "127.0.0.1:$port", "unix:$work/http.sock" ];
sources: { pg: { conninfo = "dbname=postgres"; password = "hunter2hunter2"; }; };
stores: { nas: { type = "dir"; path = "$work/store"; }; };
include_dir = "conf.d";
editable = true;
jobs: { nightly: { source = "pg"; stores = [ "nas" ]; }; };
END
echo 'jobs: { weekly: { source = "pg"; stores = [ "nas" ]; schedule = "@weekly"; }; };' >"$work/conf.d/weekly.conf"
chmod 600 "$PGKEEP_CONFIG" "$work/conf.d/weekly.conf"
base=http://127.0.0.1:$port/api/v1
# ask CURL-ARGUMENTS: the status into $code, the body into $body
ask() { code=$(curl -sS -m 20 -o "$work/body" -w '%{http_code}' "$@") && body=$(cat "$work/body"); }
as_user() { ask -b "pgkeep=$cookie" -H "X-CSRF-Token: $csrf" "$@"; }

run bash -c "echo 'short' | '$pgkeep' password"
is "a short password is refused" "$status" 2
run bash -c "echo 'correct horse battery' | '$pgkeep' password"
is "a password is set" "$status" 0
is "as a hash" "$(sqlite3 "$work/catalog.db" "SELECT substr(value, 1, 3) FROM settings WHERE key = 'api.password'")" "\$y\$"
"$pgkeep" serve 2>"$work/serve.log" &
serve=$!
at_exit+=("kill $serve 2>/dev/null; wait $serve 2>/dev/null")
for ((n = 0; n < 100; n++)); do curl -sf "$base/session" >"$work/body" && break; sleep 0.1; done

ask "$base/session"
is "anybody may ask who is logged in" "$code:$(jq -c '[.authenticated, .setup, .csrf]' <<<"$body")" "200:[false,false,null]"
for path in artifacts artifacts/x status jobs runs runs/1 sources stores policies metrics events; do
    ask "$base/$path"
    is "$path: not for strangers" "$code:$(jq -r .status <<<"$body")" "401:401"
done
ask -X POST -d '{"password":"wrong wrong wrong"}' "$base/session"
is "a wrong password" "$code" 401
ask -X POST -d '{"password":' "$base/session"
is "half a body" "$code" 400
ask -X POST --data-binary @<(head -c 100000 /dev/zero | tr '\0' ' ') "$base/session"
is "a body that is too large" "$code" 413
ask -H 'Host: evil.example' "$base/session"
is "a Host that is not ours" "$code" 421
ask -D "$work/headers" -X POST -d '{"password":"correct horse battery"}' "$base/session"
is "the right one" "$code" 200
like "a cookie for this site and no script" "$(cat "$work/headers")" 'Set-Cookie: pgkeep=[0-9a-f]{64}; HttpOnly; SameSite=Strict'
like "nothing from elsewhere" "$(cat "$work/headers")" "Content-Security-Policy: default-src 'self'"
cookie=$(sed -n 's/^Set-Cookie: pgkeep=\([0-9a-f]*\);.*/\1/p' "$work/headers")
csrf=$(jq -r .csrf <<<"$body")

ask -b "pgkeep=$cookie" -X POST "$base/jobs/nightly/run"
is "no write without the session's word" "$code" 403
as_user -X POST "$base/jobs/nowhere/run"
is "a job that nobody has" "$code" 404
as_user -X POST "$base/jobs/nightly/run"
is "a backup is asked for" "$code" 202
id=$(jq .run <<<"$body")
for ((n = 0; n < 150; n++)); do
    as_user "$base/runs/$id"
    [ "$(jq -r .ended <<<"$body")" = null ] || break
    sleep 0.1
done
is "and taken at once, as a run of its own" "$(jq -c '[.state, .trigger, .exit_status]' <<<"$body")" '["complete","api",0]'
as_user "$base/artifacts?limit=10"
is "it is listed as by list --json" "$(jq -Sc '{artifacts}' <<<"$body")" "$("$pgkeep" list --json | jq -Sc .)"
is "with the total" "$(jq .total <<<"$body")" 1
as_user "$base/artifacts?limit=x"
is "a limit that is no number" "$code" 400
artifact=$("$pgkeep" list --json | jq -r '.artifacts[0].id')
as_user "$base/artifacts/$artifact"
is "one is what show --json prints" "$(jq -Sc . <<<"$body")" "$("$pgkeep" show "$artifact" --json | jq -Sc .)"
as_user "$base/artifacts/01JZZZZZZZZZZZZZZZZZZZZZZZ"
is "one that is not there" "$code" 404
as_user -X POST "$base/artifacts/$artifact/cancel"
is "what is over cannot be cancelled" "$code" 409
as_user -X POST "$base/jobs/weekly/disable"
is "a job is switched off" "$code:$(jq -c '[.enabled, .changed]' <<<"$body")" "200:[false,true]"
as_user "$base/jobs"
is "in its file" "$(jq '.jobs[] | select(.name == "weekly").enabled' <<<"$body"):$(grep -c 'enabled = false' "$work/conf.d/weekly.conf")" false:1
as_user -X POST "$base/jobs/weekly/enable"
is "and on again" "$code" 200
as_user -X POST "$base/jobs/nightly/disable"
is "not one whose file is not ours to write" "$code:$(jq -r .kind <<<"$body")" 409:config
as_user "$base/jobs"
is "jobs as jobs --json" "$(jq -Sc . <<<"$body")" "$("$pgkeep" jobs --json | jq -Sc .)"
as_user "$base/status"
is "status" "$code:$(jq -r '.jobs[0].name // .jobs[0].job' <<<"$body")" "200:nightly"
as_user "$base/metrics"
like "metrics" "$body" 'pgkeep_backup_last_success_timestamp_seconds'
as_user "$base/sources"
is "a secret is set, not shown" "$code:$(jq -r '.sources[0].settings.password' <<<"$body")" "200:(hidden)"
is "nowhere" "$(grep -c hunter2 "$work/body" "$work/serve.log" | grep -vc ':0$')" 0
as_user "$base/events"
event=$(sed -n 's/^id: //p' <<<"$body")
like "an event" "$body" 'event: run'
as_user -H "Last-Event-ID: $event" "$base/events"
is "and none until something changes" "$(grep -c '^event' <<<"$body")" 0
as_user -X PUT "$base/status"
is "no such method" "$code" 405
as_user "$base/nothing"
is "no such path" "$code" 404
ask --unix-socket "$work/http.sock" http://localhost/api/v1/session
is "the unix socket answers, too" "$code:$(stat -c %a "$work/http.sock")" "200:660"
as_user -X DELETE "$base/session"
as_user "$base/jobs"
is "who has logged out is a stranger" "$code" 401
for n in 1 2 3 4 5; do ask -X POST -d '{"password":"wrong wrong wrong"}' "$base/session"; done
is "who guesses has to wait" "$code" 429
rss=$(awk '/VmRSS/ {print $2}' "/proc/$serve/status")
diag "serve with API: $rss KiB"
is "under 40 MiB" "$((rss < 40960))" 1
kill -TERM "$serve"
wait "$serve"
is "serve ends as before" "$?" 0
is "and takes its socket along" "$(ls "$work/http.sock" 2>/dev/null)" ""
finished
