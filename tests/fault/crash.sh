# shellcheck shell=bash
# crash.sh - kill -9 in front of the n-th system call that the outside can see (unlink, rename, sync of a file or of the
# catalog, send, receive), then one sweep, and a look at what is left; to be sourced.
# Starts PostgreSQL and Ceph's S3 and writes a configuration: job nightly into a folder and a bucket, keep_last = 2.
#
#   every CALL WHAT COMMAND...   at $most steps, spread evenly over the run (PGKEEP_LONG=1: at all); calls the test's
#                                `prepare` before each
#   kept=(ID...)                 what must stay whole all the time
#   calls=(CALL...)              all kinds
#   bucket_kind=KIND             before sourcing: "" versioned locked; every version and marker counts as an object
#   three_backups                a `prepare` for deletions: two good ones are kept, a third one is to go

# shellcheck source=tests/integration/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../integration/lib.sh"
# shellcheck source=tests/integration/retention.sh
. "$(dirname "${BASH_SOURCE[0]}")/../integration/retention.sh"

strace -f -o /dev/null true 2>/dev/null || skip_all "strace cannot trace here"
most=$([ -n "$test_long" ] && echo 1000 || echo 5) # of one kind of call
kept=()
pg_up main
rgw_up
s3_bucket crash "${bucket_kind:-}"
createdb shop
psql -qX -v ON_ERROR_STOP=1 -d shop -o /dev/null -c "CREATE TABLE t AS SELECT n FROM generate_series(1, 2000) n"
conf "nas: { type = \"dir\"; path = \"$work/nas\"; };
      ceph: { type = \"s3\"; endpoint = \"$rgw_endpoint\"; bucket = \"crash\"; prefix = \"p/\"; path_style = true; };" \
    "standard: { keep_last = 2; guard_percent = 100; };" \
    'nightly: { source = "shop"; stores = [ "nas", "ceph" ]; retention = "standard"; };'
sed -i "s#dbname=shop#host=$PGHOST port=$PGPORT user=postgres dbname=shop#" "$config"

# killed CALL N COMMAND…: pgkeep, ended in front of its n-th such call; children are let go. Sets status, 137 when it was.
killed() {
    local call=$1 n=$2
    shift 2
    { run strace -f -qq -b execve -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=$n" \
        "$pgkeep" --config "$config" "$@"; } 2>/dev/null
}
in_folder() { (cd "$work/nas" && find . -type f | sed 's#^\./##' | grep -vE '^(pgkeep-store.json|RECOVERY.md)$' | sort); }
in_bucket() {
    s3_call GET "crash?prefix=p%2F&versions=" | grep -oE '<Key>[^<]*' | sed 's#<Key>p/##' |
        grep -vE '^(pgkeep-store.json|RECOVERY.md)$' | sort -u
    s3_call GET "crash?uploads=" | grep -oE '<UploadId>[^<]*' | sed 's/^/upload /'
}
objects() { if [ "$1" = nas ]; then in_folder; else in_bucket; fi; }
# should_be STORE: the objects of all that the catalog says is complete there. State files are extra.
should_be() {
    keys_in "$1" | while read -r id key; do
        printf '%s\n' "$key" "${key%.sql.gz}.index.gz" "manifests/$id.json"
    done | sort
}
# crashed: at any instant, what is complete is there, and what a manifest names is there
crashed() {
    local store
    for store in nas ceph; do
        objects "$store" >"$work/there-$store"
        comm -23 <(should_be "$store") <(sort "$work/there-$store") | sed "s/^/Q1: $store lacks /"
        grep -oE '^manifests/[^./]+' "$work/there-$store" | cut -d/ -f2 | while read -r id; do
            [ "$(grep -c -- "-$id\.\(sql\|index\)\.gz$" "$work/there-$store")" = 2 ] || echo "Q2: $store: manifest of $id without data"
        done
    done
}
# swept: nothing under way, the stores hold exactly what is complete
swept() {
    local store
    "$pgkeep" --config "$config" list --json | jq -r '.artifacts[] | .id as $id | (.status, .copies[].state)
        | select(. == "running" or . == "uploading" or . == "deleting") | "Q4: " + $id + " is " + .'
    for store in nas ceph; do
        objects "$store" | grep -v '^state/' >"$work/there-$store"
        diff <(should_be "$store") "$work/there-$store" | sed -n "s/^[<]/Q5: $store lacks/p;s/^[>]/Q5: $store has too much:/p"
        objects "$store" | sed -n 's#^state/\(.*\)\.json$#\1#p' | while read -r id; do
            keys_in "$store" | grep -q "^$id " || echo "Q5: $store: state of $id alone"
        done
    done
    for id in "${kept[@]}"; do
        "$pgkeep" --config "$config" verify "$id" >/dev/null 2>&1 || echo "Q3: $id was kept and is not good"
    done
}
sweep_once() {
    keep sweep
    [ "$status" = 0 ] || echo "sweep ended with $status: $err"
}
# steps CALL COMMAND…: which of the calls that a whole run makes, by its busiest thread; an injection counts by thread
steps() {
    local call=$1 all
    shift
    strace -f -qq -b execve -o "$work/steps" -e "trace=$call" "$pgkeep" --config "$config" "$@" >/dev/null 2>&1
    all=$(grep -F "$call(" "$work/steps" | cut -d' ' -f1 | sort | uniq -c | sort -n | awk 'END { print $1 + 0 }')
    awk -v all="$all" -v most="$most" 'BEGIN {
        if (most > all) most = all
        for (i = 0; i < most; i++) print (most > 1 ? 1 + int(i * (all - 1) / (most - 1)) : 1)
    }'
}
# every CALL WHAT COMMAND…: killed once at each step, and every other time once more while it is swept
every() {
    local call=$1 what=$2 n wrong="" second count=0 hit=0
    shift 2
    prepare
    for n in $(steps "$call" "$@"); do
        prepare
        killed "$call" "$n" "$@"
        hit=$((hit + (status == 137))) count=$((count + 1))
        wrong+=$(crashed | sed "s/^/$call $n: /")
        second=${calls[count % ${#calls[@]}]}
        if [ $((count % 2)) = 0 ]; then
            killed "$second" $((count % 7 + 1)) sweep
            wrong+=$(crashed | sed "s/^/$call $n, then $second: /")
        fi
        wrong+=$(sweep_once | sed "s/^/$call $n: /")
        wrong+=$(swept | sed "s/^/$call $n: /")
    done
    [ "$hit" -gt 0 ] || [ "$count" = 0 ] || wrong+="$call: never hit"
    is "$what: kill -9 at $hit of $count steps, $call" "$wrong" ""
}

# shellcheck disable=SC2034 # for the tests
calls=(unlinkat renameat fsync fdatasync sendto recvfrom)
three_backups() {
    keep prune --yes
    keep backup nightly
    mapfile -t kept < <("$pgkeep" --config "$config" list --json |
        jq -r '[.artifacts[] | select(.status == "complete")][:2][].id')
    keep verify "${kept[@]}" # or the third one would be the newest verified, which stays
}
