#!/usr/bin/env bash
# Goal: a database that fails is told once to each kind of notifier, and once when it is well again, whatever is
# killed in between; what a receiver does not take waits, in order; signatures, mail with STARTTLS and login; a
# hanging receiver delays nothing; secrets stay secret.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip_all "python3 is not installed (package python3)"
command -v sqlite3 >/dev/null || skip_all "sqlite3 is not installed (package sqlite3)"
command -v openssl >/dev/null || skip_all "openssl is not installed (package openssl)"
pg_up main
mkdir "$work/store" "$work/got"
catalog=$work/catalog.db
export PGKEEP_CONFIG=$work/pgkeep.conf
sql() { sqlite3 -cmd '.timeout 5000' "$catalog" "$1"; }
until_is() { # until_is SECONDS WANT COMMAND…
    local n seconds=$1 want=$2 got=""
    shift 2
    for ((n = 0; n < seconds * 10; n++)); do
        got=$("$@" 2>/dev/null)
        [ "$got" = "$want" ] && return 0
        sleep 0.1
    done
    diag "$*: $got instead of $want"
    return 1
}

# ---- receivers ----
# Each POST becomes a line of JSON in got/NAME (the first part of its path); got/NAME.plan holds answers, one a line.
cat >"$work/receiver.py" <<'END'
import base64, json, os, socketserver, ssl, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
work = sys.argv[1]
class Hook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        name = self.path.split("/")[1]
        plan, status = work + "/got/" + name + ".plan", "200"
        if os.path.exists(plan):
            lines = open(plan).read().split("\n")
            status = lines[0] or "200"
            open(plan, "w").write("\n".join(lines[1:]))
        if status == "hang":
            time.sleep(30); return
        if status == "late": time.sleep(2.5); status = "200"
        with open(work + "/got/" + name, "a") as out:
            out.write(json.dumps({"path": self.path, "status": int(status), "body": body,
                                  "headers": {k.lower(): v for k, v in self.headers.items()}}) + "\n")
        self.send_response(int(status))
        if status == "429": self.send_header("Retry-After", "1")
        self.send_header("Content-Length", "0"); self.end_headers()
class Mail(socketserver.StreamRequestHandler):
    def say(self, line): self.wfile.write((line + "\r\n").encode()); self.wfile.flush()
    def handle(self):
        tls = auth = False; to = []; self.say("220 test ESMTP")
        while True:
            line = self.rfile.readline().decode().rstrip("\r\n"); word = line[:4].upper()
            if not line: return
            if word == "EHLO":
                self.say("250-test"); self.say("250 AUTH PLAIN" if tls else "250 STARTTLS")
            elif line.upper() == "STARTTLS":
                self.say("220 go on")
                self.connection = context.wrap_socket(self.connection, server_side=True)
                self.rfile = self.connection.makefile("rb"); self.wfile = self.connection.makefile("wb"); tls = True
            elif word == "AUTH":
                parts = line.split(" ")
                if len(parts) < 3: self.say("334 "); parts.append(self.rfile.readline().decode().strip())
                auth = base64.b64decode(parts[2]).decode() == "\0pgkeep\0mail-secret-77"
                self.say("235 yes" if auth else "535 no")
            elif word == "RCPT": to.append(line); self.say("250 yes")
            elif word == "DATA":
                self.say("354 go on"); text = ""
                while True:
                    got = self.rfile.readline().decode()
                    if got == ".\r\n": break
                    text += got
                open(work + "/got/mail", "a").write(json.dumps({"tls": tls, "auth": auth, "to": to, "body": text}) + "\n")
                self.say("250 taken")
            elif word == "QUIT": self.say("221 bye"); return
            else: self.say("250 yes")
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True; allow_reuse_address = True
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain(work + "/cert.pem", work + "/key.pem")
http = ThreadingHTTPServer(("127.0.0.1", 0), Hook); mail = Server(("127.0.0.1", 0), Mail)
threading.Thread(target=mail.serve_forever, daemon=True).start()
open(work + "/ports.new", "w").write("%d %d\n" % (http.server_port, mail.server_address[1]))
os.rename(work + "/ports.new", work + "/ports"); http.serve_forever()
END
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null || exit 1
python3 "$work/receiver.py" "$work" 2>"$work/receiver.err" &
receiver=$!
disown "$receiver"
at_exit+=("kill $receiver 2>/dev/null")
for ((n = 0; n < 100; n++)); do [ -s "$work/ports" ] && break; sleep 0.1; done
read -r http mail <"$work/ports" || exit 1

umask 077
for kind in hook slack discord ntfy health order slow; do echo "http://127.0.0.1:$http/$kind/token-abcdef-$kind" >"$work/$kind.url"; done
echo "hmac-secret-55" >"$work/hook.secret"
echo "mail-secret-77" >"$work/mail.secret"
all='notify = [ "hook", "slack", "discord", "ntfy", "health", "mail" ];'
config() { # config DATABASE [KEYS OF THE JOB]
    cat >"$PGKEEP_CONFIG" <<END
catalog = "$catalog";
sources: { pg: { conninfo = "dbname=$1"; }; };
stores: { nas: { type = "dir"; path = "$work/store"; }; };
notifiers: {
  hook: { type = "webhook"; url_file = "$work/hook.url"; secret_file = "$work/hook.secret"; };
  slack: { type = "slack"; url_file = "$work/slack.url"; };
  discord: { type = "discord"; url_file = "$work/discord.url"; };
  ntfy: { type = "ntfy"; url_file = "$work/ntfy.url"; };
  health: { type = "healthchecks"; url_file = "$work/health.url"; };
  order: { type = "webhook"; url_file = "$work/order.url"; on = [ "failure", "recovery", "stale" ]; };
  slow: { type = "webhook"; url_file = "$work/slow.url"; };
  mail: { type = "email"; server = "smtp://localhost:$mail"; from = "pgkeep@example.com"; to = [ "ops@example.com" ];
          user = "pgkeep"; secret_file = "$work/mail.secret"; starttls = "always"; ca_file = "$work/cert.pem"; };
};
jobs: { nightly: { source = "pg"; stores = [ "nas" ]; parallel = 0; ${2:-$all} }; };
END
}
count() { [ -e "$work/got/$1" ] && wc -l <"$work/got/$1" || echo 0; } # count NAME
paths() { jq -r .path "$work/got/health" | sed 's|.*token-abcdef-health||' | paste -sd, ; }

# ---- trying it ----
config nowhere
for name in hook slack discord ntfy health mail; do
    run "$pgkeep" notify "$name" --test
    is "--test reaches $name" "$status" 0
done
run "$pgkeep" notify nobody --test
is "one that is not configured is an error" "$status" 3
body=$(jq -r .body "$work/got/hook")
is "a webhook is signed over its body" "$(jq -r '.headers["x-pgkeep-signature"]' "$work/got/hook")" \
    "sha256=$(printf %s "$body" | openssl dgst -sha256 -hmac hmac-secret-55 | sed 's/.* //')"
is "mail went by STARTTLS and with a login" "$(jq -c '[.tls, .auth]' "$work/got/mail")" "[true,true]"
rm -f "$work"/got/*

# ---- one failure, one recovery, restarts in between ----
for n in 1 2 3; do run "$pgkeep" -q backup nightly; done
is "the backup fails as it did without notifiers" "$status" 4
"$pgkeep" -q serve 2>>"$work/serve.err" &
serve=$!
disown "$serve"
at_exit+=("kill -9 $serve 2>/dev/null")
sleep 0.5
kill -9 "$serve"
run "$pgkeep" -q run --due
for kind in hook slack discord ntfy mail; do is "$kind heard of one failure" "$(count $kind)" 1; done
is "healthchecks too, and of each begin" "$(paths)" "/start,/fail,/start,/start"
like "the failure says why" "$(jq -r .body "$work/got/hook")" 'nowhere'
config postgres
"$pgkeep" -q serve 2>>"$work/serve.err" &
serve=$!
disown "$serve"
at_exit+=("kill -9 $serve 2>/dev/null")
run "$pgkeep" -q backup nightly
kill -9 "$serve"
"$pgkeep" -q serve 2>>"$work/serve.err" &
serve=$!
disown "$serve"
at_exit+=("kill -9 $serve 2>/dev/null")
run "$pgkeep" -q backup nightly
is "the database is well again" "$status" 0
kill -TERM "$serve"
for kind in hook slack discord ntfy mail; do is "$kind heard of one recovery" "$(count $kind)" 2; done
is "in this order" "$(jq -r '.body | fromjson | .event' "$work/got/hook" | paste -sd,)" "failure,recovery"
is "healthchecks hears of each run that went well" "$(paths)" "/start,/fail,/start,/start,/start,,/start,"

# ---- retries, in order ----
rm -f "$work"/got/*
config nowhere 'notify = [ "order" ];'
printf '500\n' >"$work/got/order.plan"
run "$pgkeep" -q backup nightly
is "a receiver that fails does not change the backup" "$status" 4
config postgres 'notify = [ "order" ];'
run "$pgkeep" -q backup nightly
is "nor a good one" "$status" 0
is "what came later waits behind it" "$(jq -r '[.status, (.body | fromjson | .event)] | join(" ")' "$work/got/order" | paste -sd,)" "500 failure"
is "both wait" "$("$pgkeep" --json notify | jq -c '.notifiers[] | select(.name == "order") | [.waiting, .failures]')" "[2,1]"
printf '429\n' >"$work/got/order.plan"
run "$pgkeep" notify --retry
ok "429 with Retry-After is tried again then" until_is 10 0 sh -c \
    "'$pgkeep' -q notify --deliver=5s; sqlite3 '$catalog' \"SELECT count(*) FROM outbox WHERE state = 'waiting'\""
is "all in order, the same message each time" "$(jq -r '[.status, (.body | fromjson | .event)] | join(" ")' "$work/got/order" | paste -sd,)" \
    "500 failure,429 failure,200 failure,200 recovery"
is "with one id" "$(jq -r '.body | fromjson | select(.event == "failure") | .id' "$work/got/order" | sort -u | wc -l)" 1
like "metrics count it" "$("$pgkeep" metrics)" 'pgkeep_notification_failures_total\{notifier="order"\} 2'

# ---- a receiver that hangs ----
config nowhere 'notify = [ "slow", "hook" ];'
printf 'hang\nhang\n' >"$work/got/slow.plan"
begin=$SECONDS
run "$pgkeep" -q backup nightly
ok "a hanging receiver delays a command by seconds" test $((SECONDS - begin)) -lt 20
is "and the others not at all" "$(jq -r '.body | fromjson | .event' "$work/got/hook")" failure

# ---- notifiers that are taken away while serve is telling one ----
echo late >"$work/got/slow.plan"
sqlite3 "$catalog" "UPDATE outbox SET next_try = 0"
"$pgkeep" -q serve 2>>"$work/serve.err" &
serve=$!
disown "$serve"
at_exit+=("kill -9 $serve 2>/dev/null")
for ((i = 0; i < 100; i++)); do grep -q late "$work/got/slow.plan" || break; sleep 0.1; done
sed -i '/^notifiers:/,/^};/d; s/notify = [^;]*;//' "$PGKEEP_CONFIG"
ok "what was under way arrives" until_is 10 1 sqlite3 "$catalog" "SELECT count(*) FROM outbox WHERE notifier = 'slow' AND state = 'sent'"
ticks() { awk '{ print $14 + $15 }' "/proc/$serve/stat"; }
sleep 0.5
before=$(ticks)
sleep 1
ok "and serve sleeps after it: $(($(ticks) - before)) ticks in a second" test $(($(ticks) - before)) -lt 20
kill -TERM "$serve"

# ---- stale, though nothing runs ----
config postgres 'notify = [ "order" ]; max_age = "1s";'
rm -f "$work/got/order"
run "$pgkeep" -q backup nightly
sleep 2.2
run "$pgkeep" -q run --due
is "the alarm of run --due" "$(jq -r '.body | fromjson | .event' "$work/got/order" | tail -1)" stale

# ---- secrets, plain http ----
is "no secret is in the catalog or said" "$(cat "$catalog"* "$work"/*.err "$work/out" 2>/dev/null | grep -ac 'token-abcdef\|hmac-secret\|mail-secret')" 0
echo "http://hooks.example.com/token-abcdef-x" >"$work/hook.url"
run "$pgkeep" notify hook --test
is "plain http beyond loopback is refused" "$status" 3
unlike "without its address" "$err" "token-abcdef"
finished
