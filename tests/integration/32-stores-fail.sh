#!/usr/bin/env bash
# Stores that fail: away from the start, refusing, full, or dying on the way. The others hold a good copy (exit
# status 8) or, when too few are left, nothing is (5). One clear sentence each.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

pg_up main
rgw_up
s3_bucket backups
noise_db shop 300000
source="host=$PGHOST port=$PGPORT user=postgres dbname=shop"
folder=$work/backups
good="s3://backups/p?endpoint=$rgw_endpoint&path_style=true"
away="s3://backups/p?endpoint=http://127.0.0.1:1&path_style=true"
number=0
fresh() { number=$((number + 1)) && export PGKEEP_CATALOG=$work/$number.db && folder=$work/folder-$number; }
backup() { run "$pgkeep" backup --source "$source" "$@"; }
listed() { "$pgkeep" list --json | jq -r '.artifacts[0] | .status + " " + ([.copies[].state] | sort | join(" "))'; }
uploads() { s3_call GET 'backups?uploads=' | grep -c '<Upload>'; }
objects() { find "$folder" -type f ! -name pgkeep-store.json ! -name RECOVERY.md 2>/dev/null | wc -l; }

# --- one of two is away
fresh
backup --store "dir:$folder" --store "$away"
is "one of two is away: exit status" "$status" 8
like "one of two is away: an id all the same" "$out" '^[0-9A-Z]{26}$'
like "one of two is away: which" "$err" "store \"s3://backups/p\".*(refused|connect)"
is "one of two is away: list shows it" "$(listed)" "complete complete failed"
like "one of two is away: list names it" "$("$pgkeep" list)" "s3://backups/p failed"
run "$pgkeep" verify latest
is "the other is good" "$status" 0

# --- one of two is set up wrongly: no reason to have no backup at all
fresh
backup --store "dir:$folder" --store "s3://backups/p?endpoint=http://192.0.2.1&path_style=true"
is "one of two is set up wrongly: exit status" "$status" 8
like "one of two is set up wrongly: which and why" "$err" "s3://backups/p.*allow_insecure"

# --- all are away
fresh
backup --store "$away"
is "all are away: exit status" "$status" 5
is "all are away: no id" "$out" ""

# --- refusals before the dump
while IFS='|' read -r name store expected reason; do
    fresh
    run "$pgkeep" backup --source "$source" --store "${store//FOLDER/$folder}"
    is "$name: exit status" "$status" "$expected"
    like "$name: the reason" "$err" "$reason"
    is "$name: nothing in the folder" "$(objects)" 0
done <<END
wrong bucket|s3://nobucket/p?endpoint=$rgw_endpoint&path_style=true|5|nobucket
no endpoint|s3://backups/p?endpoint=http://127.0.0.1:1&path_style=true|5|127.0.0.1
plain http elsewhere|s3://backups/p?endpoint=http://192.0.2.1&path_style=true|3|allow_insecure
below a file|dir:/etc/hostname/backups|5|hostname
a kernel's folder|dir:/proc/backups|5|proc
a malformed URL|ftp://somewhere|2|s3://
an unknown key|s3://backups/p?endpint=http://127.0.0.1:1|2|endpoint
END
fresh
run env AWS_SECRET_ACCESS_KEY=wrong "$pgkeep" backup --source "$source" --store "$good"
is "wrong secret: exit status" "$status" 5
like "wrong secret: the service's word" "$err" "SignatureDoesNotMatch"
unlike "wrong secret: not shown" "$err" "=wrong"
run env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY "$pgkeep" backup --source "$source" --store "$good"
is "no credentials: exit status" "$status" 5
like "no credentials: what to do" "$err" "AWS_ACCESS_KEY_ID"

# --- a full disk: the other store goes on, and alone it is no backup
# shellcheck disable=SC2016 # for the inner shell
full() { # full STORE...: with a folder of 8 MiB
    run unshare -m bash -c 'mkdir -p "$1" && mount -t tmpfs -o size=8m tmpfs "$1" && shift && "$@"; status=$?
        find "$0" -name "*.part" -o -name "*.sql*"; exit $status' "$folder" "$folder" \
        "$pgkeep" backup --source "$source" --compress none --store "dir:$folder" "$@"
}
if unshare -m true 2>/dev/null; then
    fresh
    full
    is "disk full: exit status" "$status" 5
    like "disk full: the reason" "$err" "No space left"
    is "disk full: nothing half-done is left" "$out" ""
    fresh
    full --store "$good"
    is "disk full, but the bucket has it: exit status" "$status" 8
    is "disk full, but the bucket has it: list" "$(listed)" "complete complete failed"
else
    skip "disk full" "a mount namespace needs root"
fi

# --- one dies on the way: the other goes on
config() { # config MIN_COPIES
    cat >"$work/pgkeep.conf" <<END
catalog = "$PGKEEP_CATALOG";
sources: { shop: { conninfo = "$source"; }; };
stores: { nas: { type = "dir"; path = "$folder"; };
          ceph: { type = "s3"; endpoint = "$rgw_endpoint"; bucket = "backups"; prefix = "q/"; path_style = true; retry_time = "2s"; limit_rate = "6MiB"; }; };
jobs: { nightly: { source = "shop"; stores = [ "nas", "ceph" ]; compress = "none"; min_copies = $1; }; };
END
}
stop_when_open() {
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        [ "$(uploads)" != 0 ] && rgw_gateway stop && return
    done
    diag "no upload was seen"
}
for copies in 1 2; do
    fresh
    config "$copies"
    stop_when_open &
    run "$pgkeep" --config "$work/pgkeep.conf" backup nightly
    wait $!
    if [ "$copies" = 1 ]; then
        is "one dies on the way: exit status" "$status" 8
        is "one dies on the way: list" "$(listed)" "complete complete failed"
    else
        is "one dies on the way, min_copies 2: exit status" "$status" 5
        is "one dies on the way, min_copies 2: list" "$(listed)" "failed failed failed"
        is "one dies on the way, min_copies 2: nothing in the folder" "$(objects)" 0
    fi
    rgw_gateway start >/dev/null
    is "what the dead store keeps, $copies" "$(uploads)" 1
    run "$pgkeep" --config "$work/pgkeep.conf" backup nightly --limit-rate 0
    is "the next run is good, $copies" "$status" 0
    is "and has cleared what was left, $copies" "$(uploads)" 0
done

# --- configuration
while IFS='|' read -r name line reason; do
    fresh
    printf 'catalog = "%s";\n%b\n' "$PGKEEP_CATALOG" "$line" >"$work/bad.conf"
    run "$pgkeep" --config "$work/bad.conf" backup nightly
    is "configuration, $name: exit status" "$status" 3
    like "configuration, $name: the reason" "$err" "$reason"
    isnt_there "configuration, $name: no catalog" "$PGKEEP_CATALOG"
done <<'END'
unknown key|catalogue = "x";|bad.conf:2.*catalog
wrong type|part_budget = true;|bad.conf:2
duplicate|pg_bin_dir = "/a";\npg_bin_dir = "/b";|bad.conf:3|twice
no such job|jobs: { };|nightly
END
run "$pgkeep" --config "$work/none.conf" backup nightly
is "configuration, unreadable: exit status" "$status" 3
config 1
sed -i 's/type = "s3";/& secret_key = "very-secret"; access_key = "k";/' "$work/pgkeep.conf"
chmod 644 "$work/pgkeep.conf"
run "$pgkeep" --config "$work/pgkeep.conf" backup nightly
is "configuration, a secret that others can read: exit status" "$status" 3
like "configuration, a secret that others can read: what to do" "$err" "chmod"
unlike "configuration, a secret that others can read: not shown" "$err" "very-secret"
finished
