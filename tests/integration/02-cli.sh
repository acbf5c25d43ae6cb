#!/usr/bin/env bash
# Goal: the command line and the configuration explain themselves, and every mistake ends with one
# clear sentence, a way on, and the right exit status. Needs no server.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$top" || exit 1
file=$work/pgkeep.conf

# config TEXT [MODE]: writes the file and runs `config` on it.
config() {
    rm -f "$file" # it may have been made unreadable
    printf '%s\n' "$1" >"$file"
    chmod "${2:-600}" "$file"
    run "$pgkeep" --config "$file" config
}

# refused NAME TEXT SENTENCE [MODE]: exit 3 and the sentence, behind the path
refused() {
    config "$2" "${4:-600}"
    is "config: $1" "$status $out$err" "3 pgkeep: $file$3"
}

# usage NAME SENTENCE WORD...: exit 2, nothing on stdout
usage() {
    local name=$1 sentence=$2
    shift 2
    run "$pgkeep" "$@"
    is "usage: $name" "$status $out$err" "2 pgkeep: $sentence"
}

# ---- help and version ----
run "$pgkeep" --version
is "--version succeeds" "$status" 0
like "--version prints name and number" "$out" '^pgkeep [0-9]+\.[0-9]+\.[0-9]+$'
run "$pgkeep" --version --json
like "--version --json" "$out" '"version": "[0-9.]+"'
run "$pgkeep" help
is "help succeeds and writes nothing to stderr" "$status $err" "0 "
overview=$out
commands=$(sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' <<<"$overview")
like "help lists commands" "$commands" 'config.*help'
run "$pgkeep" --help
is "--help is help" "$out" "$overview"
for command in $commands; do
    run "$pgkeep" help "$command"
    like "help $command" "$status $out" "^0 pgkeep $command - .*usage: pgkeep $command"
    text=$out
    run "$pgkeep" "$command" --help
    is "$command --help is the same" "$status $out" "0 $text"
done
run "$pgkeep" help --json
like "help --json is a document" "$status $out" '^0 \{.*"commands": \['
run "$pgkeep" help cofnig
is "help of an unknown command" "$status $err" $'2 pgkeep: unknown command "cofnig"\nhint: did you mean "config"?'

# ---- usage errors: exit 2, nothing on stdout ----
usage "no command" $'no command given: usage: pgkeep COMMAND [options] [arguments]\nhint: `pgkeep help` lists the commands'
usage "unknown command" $'unknown command "confgi"\nhint: did you mean "config"?' confgi
usage "unknown command far from all" $'unknown command "frobnicate"\nhint: `pgkeep help` lists the commands' frobnicate
run "$pgkeep" prune NIGHTLY --yes
is "a job where an option names it" "$status $err" $'2 pgkeep: unexpected argument "NIGHTLY"\nhint: the job is named by an option: pgkeep prune --job NIGHTLY'
"$pgkeep" status --json 2>"$work/err" | true
is "a reader that has seen enough is no failure" "${PIPESTATUS[0]} $(cat "$work/err")" "0 "
"$pgkeep" config --json >/dev/full 2>"$work/err"
is "a full disk is" "$? $(cat "$work/err")" "1 pgkeep: cannot write the result to stdout: No space left on device"
usage "unknown option" $'unknown option "--exampel" of config\nhint: did you mean "--example"?' config --exampel
usage "unknown global option" $'unknown global option "--jsno"\nhint: did you mean "--json"?' --jsno config
usage "unknown letter" $'unknown option "-z"\nhint: see `pgkeep help`' -z
usage "option without value" $'--config needs a value: FILE\nhint: see `pgkeep help config`' config --config
usage "wrong word" $'--log-format must be text, json or journal, not "jso"\nhint: did you mean "json"?' --log-format jso config
usage "too many arguments" $'unexpected argument "x": usage: pgkeep config [--example]\nhint: see `pgkeep help config`' config x
usage "contradiction" '--quiet and --verbose exclude each other' -q -v config
usage "wrong value" $'--catalog must be a path that begins with /, not "~/c.db"\nhint: a shell would have expanded it; write the full path' config --catalog=~/c.db
run "$pgkeep" --log-format json confgi
is "errors in JSON keep the exit status" "$status" 2
like "with --log-format json the error is one JSON object" "$err" '^\{.*"message".*confgi.*\}$'
run "$pgkeep" backup --colour --log-format=json
like "also where it stands behind the mistake" "$err" '^\{.*"message".*colour.*\}$'
PGKEEP_LOG_FORMAT=json run "$pgkeep" confgi
like "or in the environment" "$err" '^\{.*"message".*confgi.*\}$'
run "$pgkeep" config --json --exampel
is "with --json a failure is one document on stdout" "$(jq -r '.error | "\(.kind) \(.exit_status)"' <<<"$out")" "usage 2"
like "and a sentence on stderr" "$err" "exampel"

# ---- config ----
run "$pgkeep" config --example
is "config --example succeeds" "$status" 0
is "conf/pgkeep.conf.example is up to date" "$out" "$(cat conf/pgkeep.conf.example)"
config "$out" 644
is "the example is a valid file" "$status" 0
run "$pgkeep" config
like "config needs no file and says that there is none" "$status $out" '^0 configuration file: none'
mkdir -p "$XDG_CONFIG_HOME/pgkeep"
echo 'catalog = "/from-file.db";' >"$XDG_CONFIG_HOME/pgkeep/pgkeep.conf"
run "$pgkeep" config
like "the user's file is found" "$out" "catalog +/from-file.db +$XDG_CONFIG_HOME/pgkeep/pgkeep.conf:1"
PGKEEP_CATALOG=/from-env.db run "$pgkeep" config
like "the environment beats the file" "$out" 'catalog +/from-env.db +PGKEEP_CATALOG'
PGKEEP_CATALOG=/from-env.db run "$pgkeep" config --catalog=/from-args.db
like "the command line beats the environment" "$out" 'catalog +/from-args.db +--catalog'
PGKEEP_CATALGO=/x run "$pgkeep" config
like "a misspelled variable is mentioned" "$status $err" '^0 .*PGKEEP_CATALGO is not known; did you mean PGKEEP_CATALOG'
echo 'catalog = "/other.db";' >"$work/other"
PGKEEP_CONFIG=$work/other run "$pgkeep" config
like "PGKEEP_CONFIG names another file" "$out" "catalog +/other.db +$work/other:1"
run "$pgkeep" config --json
like "config --json has origins" "$out" '"origin": "default"'
PGKEEP_PART_BUDGET=lots run "$pgkeep" config
is "a wrong variable is a configuration error" "$status $err" '3 pgkeep: PGKEEP_PART_BUDGET must be a size as 512MiB or 20GiB from 16MiB to 64GiB, not "lots"'

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

refused "a ~ that no shell has expanded" 'stores: { n: { type = "dir"; path = "~/nas"; }; };' $':1: "path" of store "n" must be a path that begins with /, not "~/nas"\nhint: a shell would have expanded it; write the full path'
usage "nor one in a store's URL" $'store URL: "dir:~/nas" begins with ~\nhint: a shell would have expanded it; write the full path' backup --source dbname=x --store dir:~/nas
config $'\xEF\xBB\xBFcatalog = "/bom.db";'
like "a byte order mark in front is no part of it" "$status $out$err" '^0 .*catalog +/bom.db'
cd "$work" || exit 1
run "$pgkeep" config --catalog mine.db
like "--catalog may be relative, and is remembered whole" "$out" "catalog +$work/mine.db +--catalog"
cd - >/dev/null || exit 1

# ---- secrets ----
secret='sources: { s: { conninfo = "host=h password=hunter2"; }; t: { conninfo = "d"; password = "hunter2"; }; };
stores: { o: { type = "s3"; bucket = "b"; access_key = "AKhunter2"; secret_key = "hunter2"; }; };'
for mode in 644 604; do
    refused "a secret that others can read ($mode)" "$secret" ":1: \"conninfo\" of source \"s\" holds a secret, but every user can read this file (mode 0$mode)
hint: chmod o-rwx $file" $mode
done
refused "a password in a URI that others can read" 'sources: { s: { conninfo = "postgresql://u:hunter2@h/d"; }; };' ":1: \"conninfo\" of source \"s\" holds a secret, but every user can read this file (mode 0644)
hint: chmod o-rwx $file" 644
for mode in 600 640; do
    config "$secret" $mode
    is "a secret in a private file is fine ($mode)" "$status" 0
    unlike "and never shown ($mode)" "$out$err" 'hunter2'
done
run "$pgkeep" --config "$file" config --json
unlike "nor in JSON" "$out$err" 'hunter2'
config 'sources: { s: { conninfo = "host=h"; password_env = "X"; }; };' 644
is "others may read a file that only names where a secret is" "$status" 0

# ---- files that cannot be read ----
run "$pgkeep" --config "$work/absent" config
like "an absent file is a configuration error" "$status $err" "^3 pgkeep: .*$work/absent"
run "$pgkeep" --config "$work" config
is "a folder is no file" "$status" 3
echo 'catalog = "/x";' >"$file"
chmod 000 "$file"
if [ "$(id -u)" != 0 ]; then
    run "$pgkeep" --config "$file" config
else
    cp "$pgkeep" "$work/pgkeep"
    chmod 755 "$work/pgkeep"
    run setpriv --reuid=65534 --regid=65534 --clear-groups "$work/pgkeep" --config "$file" config
fi
like "an unreadable file is a configuration error" "$status $err" '^3 pgkeep: .*Permission denied'

# ---- a mistyped connection string: refused, and its password in no output ----
catalog=$work/catalog.db
mkdir -p "$work/store"
while IFS= read -r conninfo; do
    shown=
    for words in "backup --source @ --store dir:$work/store" "doctor --source @" "restore 01ABC --to @" "backup @" "@"; do
        read -ra words <<<"$words"
        run "$pgkeep" --catalog "$catalog" -v "${words[@]/#@/$conninfo}"
        shown+="$out$err"
        is "${words[*]}: $conninfo" "$status" 2
    done
    config "catalog = \"$catalog\"; sources: { a: { conninfo = \"${conninfo//\"/\\\"}\"; }; };"
    is "config: $conninfo" "$status" 3
    shown+=$out$err
    for command in list doctor status; do
        run "$pgkeep" --config "$file" "$command"
        shown+=$out$err
    done
    unlike "shown nowhere: $conninfo" "$shown$(cat "$catalog"* 2>/dev/null | tr -d '\0')" 's3cr'
done <<'END'
postgresql+psycopg2://u:s3cret@127.0.0.1/d
postgresql+psycopg2://u:s3cret@127.0.0.1/d?sslmode=require
jdbc:postgresql://127.0.0.1/d?user=u&password=s3cret
"postgresql://u:s3cret@127.0.0.1/d"
'postgresql://u:s3cret@127.0.0.1/d'
POSTGRESQL://u:s3cret@127.0.0.1/d
u:s3cret@127.0.0.1/d
postgresql://u:s3cr/et@127.0.0.1/d
postgresql://u:x@s3cret@127.0.0.1/d
postgres ://u:s3cret@127.0.0.1/d
host=127.0.0.1;user=u;password=s3cret
END

# ---- output that goes nowhere ----
"$pgkeep" help >/dev/full 2>"$work/err"
is "a full disk behind stdout is an error" "$? $(cat "$work/err")" '1 pgkeep: cannot write the result to stdout: No space left on device'
"$pgkeep" config >&- 2>"$work/err"
is "a closed stdout does not crash" "$?" 0

finished
