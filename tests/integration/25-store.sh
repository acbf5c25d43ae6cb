#!/usr/bin/env bash
# Every kind of store keeps what store.h promises: a directory, a bucket, a bucket with versions, each at a prefix
# of a real service. An object appears whole or not at all, what a killed process left is found, continued or undone,
# and removing leaves nothing, neither a version nor an empty folder.
# shellcheck source-path=SCRIPTDIR source=lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"

id=01KC1E5T00ABCDEFGHJKMNPQRS
key=data/shop/shop/2026/shop-full-20261121T020000Z-$id.sql.gz
store() { "$build/tests/store" "$@"; }
sum() { sha256sum | cut -d' ' -f1; }

head -c 17000001 /dev/urandom >"$work/data"
want=$(sum <"$work/data")

store_keeps_its_promises() { # NAME
    local name=$1 pending handle
    ok "$name: it is there" store check
    is "$name: a mark is written once" "$(store mark)" "$(store mark)"

    store upload "$key" <"$work/data" >"$work/size"
    is "$name: an upload has its size" "$(cat "$work/size")" 17000001
    is "$name: and its bytes" "$(store read "$key" 0 0 | sum)" "$want"
    is "$name: a range is read" "$(store read "$key" 16000000 1000 | sum)" \
        "$(tail -c +16000001 "$work/data" | head -c 1000 | sum)"
    is "$name: it is listed" "$(store list data/)" "$key"$'\t'17000001
    store remove "$key" >"$work/removed"
    like "$name: it is removed" "$(cat "$work/removed")" ^gone
    is "$name: and not listed" "$(store list data/)" ""
    like "$name: twice is no error" "$(store remove "$key")" ^gone

    head -c 11000000 "$work/data" | PART_SIZE=5500000B store leave "$key"
    is "$name: what was left is no object" "$(store list data/)" ""
    pending=$(store pending data/)
    handle=${pending#*$'\t'}
    like "$name: what was left is found" "$pending" "$id"
    PART_SIZE=5500000B store resume "$key" "$handle" <"$work/data" >"$work/size"
    is "$name: it is continued" "$(store read "$key" 0 0 | sum)" "$want"
    is "$name: nothing is pending then" "$(store pending data/)" ""
    store remove "$key" >/dev/null

    head -c 11000000 "$work/data" | PART_SIZE=5500000B store leave "$key"
    pending=$(store pending data/)
    ok "$name: what was left is undone" store abort "${pending%%$'\t'*}" "${pending#*$'\t'}"
    is "$name: and gone" "$(store pending data/)" ""

    echo one | store put state/a
    run store put state/a
    is "$name: no put replaces another" "$status $(store get state/a)" "5 one"
    echo two | store overwrite state/a
    is "$name: unless asked to" "$(store get state/a)" two
    echo x | store put state/ab
    store remove state/a >/dev/null
    is "$name: a neighbour stays" "$(store list state/)" state/ab$'\t'2
    store remove state/ab >/dev/null
    run store get state/ab
    is "$name: absent is exit 1" "$status" 1
}

export STORE_DIR="$work/it's a store"
store_keeps_its_promises directory
is "directory: removing took the empty folders along" "$(ls -A "$STORE_DIR")" pgkeep-store.json
is "directory: private" "$(stat -c %a "$STORE_DIR" "$STORE_DIR/pgkeep-store.json" | xargs)" "700 600"
unset STORE_DIR

rgw_up
s3_bucket plain || exit 1
s3_bucket versions versioned || exit 1
export S3_ENDPOINT=$rgw_endpoint S3_RETRY_MS=60000

export S3_BUCKET=plain S3_PREFIX=
store_keeps_its_promises bucket
export S3_PREFIX=p
echo beside | S3_PREFIX=p2 store put state/a
store_keeps_its_promises prefix
is "prefix: the neighbour p2 stays" "$(S3_PREFIX=p2 store get state/a)" beside
export S3_BUCKET=versions
store_keeps_its_promises versions
is "versions: none is left but the mark's" \
    "$(s3_call GET "versions?versions=" | grep -o '<Key>[^<]*' | sort -u)" "<Key>p/pgkeep-store.json"
finished
