#!/usr/bin/env bash
# Goal: the command line and the configuration explain themselves, and every mistake ends with one
# clear sentence, a way on, and the right exit status. Needs no server.
# shellcheck source=tests/support/tap.sh
. "$(dirname "$0")/../support/tap.sh"

# Nothing of the caller's own configuration.
export HOME=$TMP/home XDG_CONFIG_HOME=$TMP/xdg XDG_STATE_HOME=$TMP/state
mkdir -p "$HOME"
for name in ${!PGKEEP_@}; do unset "$name"; done

# config TEXT [MODE]: writes the file and runs `config` on it.
config() {
    printf '%s\n' "$1" >"$TMP/c"
    chmod "${2:-600}" "$TMP/c"
    run --config "$TMP/c" config
}

# refused NAME TEXT SENTENCE [MODE]
refused() {
    config "$2" "${4:-600}"
    is "$status $err" "3 pgkeep: $TMP/c$3" "config: $1"
}

# usage NAME SENTENCE WORD...: exit 2, nothing on stdout
usage() {
    local name=$1 sentence=$2
    shift 2
    run "$@"
    is "$status $out$err" "2 pgkeep: $sentence" "usage: $name"
}

# ---- help and version ----
run --version
is "$status" 0 "--version succeeds"
like "$out" '^pgkeep [0-9]+\.[0-9]+\.[0-9]+$' "--version prints name and number"
run --version --json
like "$out" '"version": "[0-9.]+"' "--version --json"
run help
is "$status" 0 "help succeeds"
is "$err" "" "help writes nothing to stderr"
overview=$out
commands=$(sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' <<<"$overview")
like "$commands" 'config.*help' "help lists commands"
run --help
is "$out" "$overview" "--help is help"
for command in $commands; do
    run help "$command"
    like "$status $out" "^0 pgkeep $command - .*usage: pgkeep $command" "help $command"
    text=$out
    run "$command" --help
    is "$status $out" "0 $text" "$command --help is the same"
done
run help --json
is "$status" 0 "help --json"
like "$out" '"commands": \[' "help --json is a document"
run help bakcup
is "$status" 2 "help of an unknown command"

# ---- usage errors: exit 2, nothing on stdout ----
usage "no command" $'no command given: usage: pgkeep COMMAND [options] [arguments]\nhint: `pgkeep help` lists the commands'
usage "unknown command" $'unknown command "confgi"\nhint: did you mean "config"?' confgi
usage "unknown command far from all" $'unknown command "frobnicate"\nhint: `pgkeep help` lists the commands' frobnicate
usage "unknown option" $'unknown option "--exampel" of config\nhint: did you mean "--example"?' config --exampel
usage "unknown global option" $'unknown global option "--jsno"\nhint: did you mean "--json"?' --jsno config
usage "unknown letter" $'unknown option "-z"\nhint: see `pgkeep help`' -z
usage "option without value" $'--config needs a value: FILE\nhint: see `pgkeep help config`' config --config
usage "wrong word" $'--log-format must be text, json or journal, not "jso"\nhint: did you mean "json"?' --log-format jso config
usage "too many arguments" $'unexpected argument "x": usage: pgkeep config [--example]\nhint: see `pgkeep help config`' config x
usage "contradiction" '--quiet and --verbose exclude each other' -q -v config
run --log-format json confgi
is "$status" 2 "errors in JSON keep the exit status"
like "$err" '^\{.*"message".*confgi.*\}$' "with --log-format json the error is one JSON object"
run config --json --exampel
is "$out" "" "with --json errors stay on stderr"

# ---- config ----
run config --example
is "$status" 0 "config --example"
is "$out" "$(cat conf/pgkeep.conf.example)" "conf/pgkeep.conf.example is up to date"
config "$out" 644
is "$status" 0 "the example is a valid file"
run config
is "$status" 0 "config needs no file"
like "$out" 'configuration file: none' "and says that there is none"
mkdir -p "$XDG_CONFIG_HOME/pgkeep"
echo 'catalog = "/from-file.db";' >"$XDG_CONFIG_HOME/pgkeep/pgkeep.conf"
run config
like "$out" "catalog +/from-file.db +$XDG_CONFIG_HOME/pgkeep/pgkeep.conf:1" "the user's file is found"
PGKEEP_CATALOG=/from-env.db run config
like "$out" 'catalog +/from-env.db +PGKEEP_CATALOG' "the environment beats the file"
PGKEEP_CATALOG=/from-env.db run config --catalog=/from-args.db
like "$out" 'catalog +/from-args.db +--catalog' "the command line beats the environment"
PGKEEP_CATALGO=/x run config
like "$status $err" '^0 .*PGKEEP_CATALGO is not known; did you mean PGKEEP_CATALOG' "a misspelled variable is mentioned"
echo 'catalog = "/other.db";' >"$TMP/other"
PGKEEP_CONFIG=$TMP/other run config
like "$out" "catalog +/other.db +$TMP/other:1" "PGKEEP_CONFIG names another file"
run config --json
like "$out" '"origin": "default"' "config --json has origins"
run config --catalog relative.db
is "$status $err" '2 pgkeep: --catalog must be a path that begins with /, not "relative.db"' "a wrong argument is a usage error"
PGKEEP_PART_BUDGET=lots run config
is "$status $err" '3 pgkeep: PGKEEP_PART_BUDGET must be a size as 512MiB or 20GiB from 16MiB to 64GiB, not "lots"' "a wrong variable is a configuration error"

# ---- configuration errors: exit 3, one sentence with file and line ----
refused "unknown key" $'\ncatalgo = "/x";' $':2: unknown key "catalgo"\nhint: did you mean "catalog"?'
refused "unknown key in a section" $'stores: { s: {\n buckt = "b"; }; };' $':2: unknown key "buckt" in store "s"\nhint: did you mean "bucket"?'
refused "duplicate key" $'catalog = "/a";\ncatalog = "/b";' ':2: duplicate setting name'
refused "duplicate section" $'jobs: { j: {}; \n j: {}; };' ':2: duplicate setting name'
refused "wrong type" 'policies: { p: { keep_daily = "7"; }; };' ':1: "keep_daily" of policy "p" must be a whole number, not a text'
refused "out of range" 'policies: { p: { keep_days = 0; }; };' ':1: "keep_days" of policy "p" must be a whole number from 1 to 365000, not "0"'
refused "negative" 'policies: { p: { keep_last = -3; }; };' ':1: "keep_last" of policy "p" must be a whole number from 0 to 1000000, not "-3"'
refused "unknown unit" 'policies: { p: { keep_within = "3m"; }; };' ':1: "keep_within" of policy "p" must be a duration as 12h, 30d, 8w, 6mo or 1y6mo, not "3m"'
refused "unknown zone" 'policies: { p: { timezone = "Europe/Belrin"; }; };' ':1: "timezone" of policy "p" must be a time zone as Europe/Berlin or UTC, not "Europe/Belrin"'
refused "syntax" $'catalog = "/a"\nstores {' ':2: syntax error'
refused "@include" '@include "/etc/hostname"' $':1: @include is not supported\nhint: keep secrets apart with password_file, secret_key_file or *_env'
refused "unknown source of a job" $'stores: { n: { type = "dir"; path = "/x"; }; };\njobs: { j: { source = "shop"; stores = [ "n" ]; }; };' ':2: job "j": there is no source "shop"'
refused "half a key" 'stores: { s: { type = "s3"; bucket = "b"; secret_key_env = "X"; }; };' ':1: store "s": an access key needs a secret key, and the other way'

# ---- secrets ----
secret='sources: { s: { conninfo = "host=h password=hunter2"; }; t: { conninfo = "d"; password = "hunter2"; }; };
stores: { o: { type = "s3"; bucket = "b"; access_key = "AKhunter2"; secret_key = "hunter2"; }; };'
for mode in 644 604; do
    config "$secret" $mode
    is "$status" 3 "a secret in a file that others can read is refused ($mode)"
    is "$err" "pgkeep: $TMP/c:1: \"conninfo\" of source \"s\" holds a secret, but every user can read this file (mode 0$mode)
hint: chmod o-rwx $TMP/c" "and the sentence says how to mend it ($mode)"
done
refused "password in a URI" 'sources: { s: { conninfo = "postgresql://u:hunter2@h/d"; }; };' ":1: \"conninfo\" of source \"s\" holds a secret, but every user can read this file (mode 0644)
hint: chmod o-rwx $TMP/c" 644
for mode in 600 640; do
    config "$secret" $mode
    is "$status" 0 "a secret in a private file is fine ($mode)"
    unlike "$out$err" 'hunter2' "and never shown ($mode)"
done
run --config "$TMP/c" config --json
unlike "$out$err" 'hunter2' "nor in JSON"
config 'sources: { s: { conninfo = "host=h"; password_env = "X"; }; };' 644
is "$status" 0 "others may read a file that only names where a secret is"

# ---- files that cannot be read ----
run --config "$TMP/absent" config
is "$status" 3 "an absent file is a configuration error"
like "$err" "$TMP/absent" "that names it"
run --config "$TMP" config
is "$status" 3 "a folder is none"
echo 'catalog = "/x";' >"$TMP/c"
chmod 000 "$TMP/c"
if [ "$(id -u)" != 0 ]; then
    run --config "$TMP/c" config
    is "$status" 3 "an unreadable file is a configuration error"
    like "$err" 'Permission denied' "that says why"
elif command -v setpriv >/dev/null; then
    chmod 755 "$TMP"
    cp "$PGKEEP" "$TMP/pgkeep"
    chmod 755 "$TMP/pgkeep"
    err=$(setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/pgkeep" --config "$TMP/c" config 2>&1)
    is "$?" 3 "an unreadable file is a configuration error"
    like "$err" 'Permission denied' "that says why"
else
    skip "an unreadable file" "root reads everything and setpriv is absent"
fi

# ---- output that goes nowhere ----
"$PGKEEP" help >/dev/full 2>"$TMP/.err"
is "$? $(cat "$TMP/.err")" '1 pgkeep: cannot write the result to stdout: No space left on device' "a full disk behind stdout is an error"
"$PGKEEP" config >&- 2>"$TMP/.err"
is "$?" 0 "a closed stdout does not crash"

finish
