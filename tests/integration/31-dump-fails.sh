#!/usr/bin/env bash
# A dump that fails, in whatever way, is never a backup: no object, no manifest, no open upload in any store, an
# artifact `failed` with the reason, exit status 4. (What happened to users of other tools: column (a).)
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

export PGKEEP_CATALOG=$work/catalog.db
pg_up main
rgw_up
s3_bucket backups
folder=$work/backups
bucket="s3://backups/p?endpoint=$rgw_endpoint&path_style=true"
createdb shop
psql -qX -v ON_ERROR_STOP=1 -d shop -o /dev/null <<'END'
CREATE TABLE small (n int);
INSERT INTO small VALUES (1);
CREATE TABLE large (n int, noise text);
INSERT INTO large SELECT n, encode(sha512(n::text::bytea), 'base64') || encode(sha512((-n)::text::bytea), 'base64') FROM generate_series(1, 400000) n;
END
source="host=$PGHOST port=$PGPORT user=postgres dbname=shop"
backup() { run "$pgkeep" backup --source "$source" --store "dir:$folder" --store "$bucket" "$@"; }

# nothing_left NAME: neither store shows anything of a backup.
nothing_left() {
    is "$1: nothing in the folder" "$(find "$folder" -type f ! -name pgkeep-store.json ! -name RECOVERY.md 2>/dev/null)" ""
    is "$1: nothing in the bucket" "$(s3_call GET 'backups?list-type=2' | grep -oE '<Key>[^<]*' | grep -vE 'pgkeep-store.json|RECOVERY.md')" ""
    is "$1: no upload is open" "$(s3_call GET 'backups?uploads=' | grep -c '<Upload>')" 0
}
failed() { # failed NAME EXIT_STATUS REASON
    is "$1: exit status" "$status" "$2"
    is "$1: no id on stdout" "$out" ""
    like "$1: the reason" "$err" "$3"
    is "$1: the artifact is failed" "$("$pgkeep" list --json | jq -r '.artifacts[0].status')" failed
    like "$1: and knows why" "$("$pgkeep" list --json | jq -r '.artifacts[0].error.message')" "$3"
    nothing_left "$1"
}

# --- a stand-in for pg_dump that fails as told; the server is real
export PGKEEP_PG_BIN_DIR=$top/tests/support/fake_pg_dump
rows=300000 # some MB: more than one part of the bucket's upload is on its way
while IFS='|' read -r name words reason; do
    export FAKE_PG="rows=$rows $words"
    backup --compress none
    failed "$name" 4 "$reason"
done <<'END'
exit 1 half-way|bytes=9000000 say=pg_dump:+error:+Dumping+failed exit=1|exit status 1.*Dumping failed
exit 1 after the last byte|exit=1|exit status 1
killed half-way|bytes=9000000 signal=KILL|signal
disk error|bytes=9000000 say=pg_dump:+error:+could+not+write:+No+space+left+on+device exit=1|No space left
a cut dump with exit 0|bytes=9000000|cut
a dump without its last line and exit 0|cut=40|cut
nothing at all with exit 0|bytes=0|cut
END
export FAKE_PG="rows=10 exit=1"
backup --format custom
is "custom format, exit 1: exit status" "$status" 4
nothing_left "custom format, exit 1"
unset PGKEEP_PG_BIN_DIR FAKE_PG

# --- a custom archive that lacks its last byte, and an exit status of 0
mkdir "$work/cutting"
for name in pg_dumpall pg_restore psql; do ln -s "$pg_bin/$name" "$work/cutting/$name"; done
cat >"$work/cutting/pg_dump" <<END
#!/bin/bash
[ "\${1:-}" = --version ] && exec "$pg_bin/pg_dump" --version
"$pg_bin/pg_dump" "\$@" | head -c -1
END
chmod +x "$work/cutting/pg_dump"
PGKEEP_PG_BIN_DIR=$work/cutting backup --format custom
failed "custom format without its last byte" 4 "not whole"

# --- the pg_restore that checks the archive dies while pg_dump is still writing
mkdir "$work/dying"
for name in pg_dump pg_dumpall psql; do ln -s "$pg_bin/$name" "$work/dying/$name"; done
cat >"$work/dying/pg_restore" <<END
#!/bin/bash
[ "\${1:-}" = --version ] && exec "$pg_bin/pg_restore" --version
head -c 1000000 >/dev/null
kill -KILL \$\$
END
chmod +x "$work/dying/pg_restore"
PGKEEP_PG_BIN_DIR=$work/dying run timeout 60 "$pgkeep" backup --source "$source" --store "dir:$folder" --store "$bucket" \
    --format custom --compress none
failed "the check of an archive dies" 4 "pg_restore was ended by signal 9"

# --- a dump that stalls: pg_dump lives on, and is ended
cat >"$work/stall.conf" <<END
catalog = "$PGKEEP_CATALOG";
pg_bin_dir = "$top/tests/support/fake_pg_dump";
sources: { shop: { conninfo = "$source"; stall_timeout = "1s"; }; };
stores: { nas: { type = "dir"; path = "$folder"; }; };
jobs: { nightly: { source = "shop"; stores = [ "nas" ]; }; };
END
FAKE_PG="rows=1000 hang" run timeout 60 "$pgkeep" --config "$work/stall.conf" backup nightly
failed "a dump that stalls" 4 "no byte for 1"

# --- pg_terminate_backend during the largest COPY
terminate() {
    local tries
    for ((tries = 0; tries < 2000; tries++)); do
        psql -AtX -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'shop' AND query ~ '^COPY.*large'" |
            grep -q t && return
    done
    diag "the COPY was never seen"
}
terminate &
backup --limit-rate 20MiB
wait $!
failed "pg_terminate_backend during the largest COPY" 4 "terminat|connection"

# --- the server dies
crash() {
    local tries
    for ((tries = 0; tries < 2000; tries++)); do
        psql -AtX -c "SELECT 'seen' FROM pg_stat_activity WHERE datname = 'shop' AND query ~ '^COPY.*large'" 2>/dev/null |
            grep -q seen && pg_kill main && return
    done
    diag "the COPY was never seen"
}
crash &
backup --limit-rate 20MiB
wait $!
failed "the server crashes" 4 "connection|server"
pg_start main

# --- before a single byte: nothing is even begun
while IFS='|' read -r name conninfo reason; do
    run "$pgkeep" backup --source "$conninfo" --store "dir:$folder"
    is "$name: exit status" "$status" 4
    like "$name: the reason" "$err" "$reason"
    nothing_left "$name"
done <<END
no such database|$source dbname=nowhere|nowhere.*does not exist
wrong password|host=127.0.0.1 port=$PGPORT user=postgres dbname=shop password=wrong|password authentication failed
no password|host=127.0.0.1 port=$PGPORT user=postgres dbname=shop|no password
no such host|host=no-such-host.invalid dbname=shop connect_timeout=5|no-such-host
nobody listens|host=127.0.0.1 port=1 dbname=shop|refused
no such role|host=$PGHOST port=$PGPORT user=stranger dbname=shop|stranger
END
mkdir "$work/old"
printf '#!/bin/sh\necho "pg_dump (PostgreSQL) 9.6.24"\n' >"$work/old/pg_dump"
chmod +x "$work/old/pg_dump"
PGKEEP_PG_BIN_DIR=$work/old backup
is "pg_dump too old: exit status" "$status" 4
like "pg_dump too old: both versions and the package" "$err" "9\.6.*15|15.*9\.6"
like "pg_dump too old: the package" "$err" "postgresql-client-15"

# --- row-level security: an error before the dump, not a short dump
psql -qX -d shop -c "CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader; CREATE TABLE secret (n int);
    ALTER TABLE secret ENABLE ROW LEVEL SECURITY; INSERT INTO secret VALUES (1)"
run "$pgkeep" backup --source "host=$PGHOST port=$PGPORT user=reader dbname=shop" --store "dir:$folder"
is "row-level security: exit status" "$status" 4
like "row-level security: which table and what to do" "$err" "secret.*BYPASSRLS"
psql -qX -d shop -c "ALTER ROLE reader BYPASSRLS"
run "$pgkeep" backup --source "host=$PGHOST port=$PGPORT user=reader dbname=shop" --store "dir:$folder"
is "with BYPASSRLS it works" "$status" 0

# --- and after all that a good one is a good one
backup
is "a good dump after the failures" "$status" 0
unlike "no password is anywhere in what was written" "$(cat "$work"/catalog.db* | tr -d '\0')" "password=wrong"
finished
