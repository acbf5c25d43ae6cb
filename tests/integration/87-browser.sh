#!/usr/bin/env bash
# Goal: the dashboard in a real browser: log-in, every page without an error, a refusal of the content policy or an overflow,
# nothing serious for axe, a job run from it; a database whose name is an attack stays a name. With $BROWSER_PICTURES (a
# folder) pictures of all pages are made instead.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/browser/life.sh
. "$top/tests/browser/life.sh"
"$pgkeep" help password >/dev/null 2>&1 || skip_all "this pgkeep has no dashboard"
chromium=$(command -v chromium) || skip_all "no browser is installed (package chromium)"
{ command -v node && command -v npm; } >/dev/null || skip_all "node is not installed (packages nodejs npm)"
# What drives it is kept outside of the repository.
modules=${BROWSER_MODULES:-$(getent passwd "$(id -u)" | cut -d: -f6)/.cache/pgkeep/browser}
[ -d "$modules/node_modules/playwright-core" ] && [ -d "$modules/node_modules/axe-core" ] ||
    npm install --no-audit --no-fund --prefix "$modules" playwright-core axe-core >"$work/npm" 2>&1 ||
    skip_all "npm packages playwright-core and axe-core cannot be had: $(tail -n 1 "$work/npm")"

pg_up main
life_data || exit 1
port=$(free_port)
life_extra="listen = [ \"127.0.0.1:$port\" ];"
life_config
life_days "${BROWSER_DAYS:-3}" || exit 1
life_marks
echo 'correct horse battery' | "$pgkeep" -q password || exit 1
serve_up() {
    "$pgkeep" serve 2>>"$work/serve.log" &
    serve=$!
    disown "$serve"
    at_exit+=("kill $serve 2>/dev/null")
    for ((n = 0; n < 100; n++)); do curl -sf "http://127.0.0.1:$port/api/v1/session" >/dev/null && break; sleep 0.1; done
}
serve_down() {
    kill "$serve"
    for ((n = 0; n < 100; n++)); do kill -0 "$serve" 2>/dev/null || break; sleep 0.1; done
}
serve_up

coproc browser {
    BROWSER_MODULES=$modules CHROMIUM=$chromium exec timeout 170 node "$top/tests/browser/pages.mjs" "http://127.0.0.1:$port" \
        'correct horse battery' ${BROWSER_PICTURES:+"$BROWSER_PICTURES"} 2>"$work/told"
}
exec {told}<&"${browser[0]}" {asked}>&"${browser[1]}"
ended=
while read -r line <&"$told"; do
    case $line in
    "ok "*) pass "${line#ok * - }" ;;
    "not ok "*) fail "${line#not ok * - }" ;;
    STOP) serve_down && echo "done" >&"$asked" ;;
    START) serve_up && echo "done" >&"$asked" ;;
    1..*) ended=yes ;;
    esac
done
is "the browser got to the end" "$ended" yes
[ ! -s "$work/told" ] || diag "$(cat "$work/told")"
finished
