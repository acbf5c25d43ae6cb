#!/usr/bin/env bash
# copy: from store to store, byte for byte; killed in the middle it goes on where it was; broken copies are healed.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

pg_up main
rgw_up
s3_bucket backups
noise_db shop 400000
folder=$work/nas
config() { # config RATE: of uploads to the bucket; few parts at a time, so that the first is there early
    cat >"$work/pgkeep.conf" <<END
catalog = "$work/catalog.db";
part_budget = "16MiB";
sources: { shop: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=shop"; }; };
stores: { nas: { type = "dir"; path = "$folder"; };
          ceph: { type = "s3"; endpoint = "$rgw_endpoint"; bucket = "backups"; prefix = "p/"; path_style = true; limit_rate = "$1"; }; };
jobs: { nightly: { source = "shop"; stores = [ "nas" ]; compress = "none"; };
        away: { source = "shop"; stores = [ "ceph" ]; compress = "none"; }; };
END
}
config 0
export PGKEEP_CONFIG=$work/pgkeep.conf
shown() { "$pgkeep" show "$id" --json | jq -r "$1"; }
state() { shown ".copies[] | select(.store == \"$1\") | .state"; }
uploads() { s3_call GET 'backups?uploads=' | grep -c '<Upload>'; }
bytes() { "$pgkeep" fetch "$id" --store "$1" --output - 2>/dev/null | sha256sum | cut -d" " -f1; }

run "$pgkeep" backup nightly
id=$(cat "$work/out") sum=$(shown .sha256)
"$pgkeep" pin "$id" --reason "kept" >/dev/null

# --- folder to bucket, bucket to folder
run "$pgkeep" copy "$id" --from nas --to ceph --json
is "copy" "$status" 0
is "copy: what it says" "$(jq -r '.outcome, .resumed_bytes' "$work/out" | xargs)" "copied 0"
is "copy: complete" "$(state ceph)" complete
is "copy: the bytes are identical" "$(bytes ceph)" "$sum"
like "copy: the pin went with it" "$(s3_call GET "backups/p/state/$id.json")" '"reason": "kept"'
run "$pgkeep" verify "$id"
is "copy: both are good" "$status" 0
run "$pgkeep" copy "$id" --from nas --to ceph
is "copy again" "$status" 0
like "copy again: nothing to do" "$out" "already"
run "$pgkeep" copy "$id" --from ceph --to "dir:$work/usb"
is "copy to a URL" "$status" 0
is "copy to a URL: the bytes" "$(bytes "dir:$work/usb")" "$sum"
ok "copy to a URL: it is a store" test -s "$work/usb/RECOVERY.md"
run "$pgkeep" --catalog "$work/usb.db" catalog rebuild --store "dir:$work/usb"
is "copy to a URL: another catalog can be made from it" "$status" 0

# --- broken copies
key=$folder/$(shown '.copies[] | select(.store == "nas") | .key')
printf 'X' | dd of="$key" bs=1 seek=1000 conv=notrunc status=none
run "$pgkeep" copy "$id" --from nas --to "dir:$work/other"
is "a source that is not what was stored" "$status" 6
is "a source that is not what was stored: nothing is left" "$(find "$work/other" -type f | grep -vc 'RECOVERY.md\|pgkeep-store.json')" 0
run "$pgkeep" verify "$id" --store nas
is "verify finds the damage" "$status $(state nas)" "6 damaged"
run "$pgkeep" copy "$id" --from nas --to "dir:$work/other"
is "a damaged copy is no source" "$status" 1
usb=$work/usb/$(shown '.copies[] | select(.store == "nas") | .key')
cp "$usb" "$work/saved"
printf 'X' | dd of="$usb" bs=1 seek=2000 conv=notrunc status=none
run "$pgkeep" copy "$id" --from "dir:$work/usb" --to nas
is "of two broken copies none is given up" "$status $(state nas) $(find "$folder" -name "*$id*" | wc -l)" "6 damaged 4"
cp "$work/saved" "$usb"
is "a source that was found damaged is remembered" "$(state "dir:$work/usb")" damaged
run "$pgkeep" verify "$id" --store "dir:$work/usb" --level full
is "until a check finds it whole" "$status $(state "dir:$work/usb")" "0 complete"
run "$pgkeep" copy "$id" --from ceph --to nas
is "a damaged copy is replaced" "$status $(state nas)" "0 complete"
like "a damaged copy is replaced: what it says" "$out" "copied anew"
is "a damaged copy is replaced: the bytes" "$(sha256sum <"$key" | cut -d" " -f1)" "$sum"
rm "$key"
"$pgkeep" verify "$id" --store nas --level quick >/dev/null 2>&1
is "verify finds it missing" "$(state nas)" missing
run "$pgkeep" copy "$id" --from ceph --to nas
is "a missing copy is replaced" "$status $(state nas) $(sha256sum <"$key" | cut -d" " -f1)" "0 complete $sum"
run "$pgkeep" catalog check
is "nothing is wrong or left over" "$status $(grep -c ": 0 findings$" <<<"$out") of $(wc -l <<<"$out")" "0 4 of 4"

# --- killed in the middle
until_so() { # until_so COMMAND...: within 60 s
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        "$@" && return
        sleep 0.1
    done
    return 1
}
begin() { # begin TO COMMAND...: starts a copy in the background and waits until COMMAND
    local to=$1
    shift
    (exec "$pgkeep" copy "$id" --from "$from" --to "$to") >"$work/slow.out" 2>"$work/slow.err" </dev/null &
    pid=$!
    until_so "$@" || diag "it never began: $(cat "$work/slow.err")"
}
part_there() { # the first of the one upload that is open
    [ -n "$upload" ] || upload=$(s3_call GET 'backups?uploads=' | sed -n 's/.*<UploadId>\([^<]*\)<.*/\1/p')
    [ -n "$upload" ] && s3_call GET "backups/p/$path?uploadId=$upload" | grep -q '<PartNumber>1<'
}
from=nas path=$(shown '.copies[] | select(.store == "nas") | .key')
"$pgkeep" unpin "$id" >/dev/null
run "$pgkeep" delete "$id" --store ceph --yes
is "deleted from the bucket" "$(state ceph)" deleted
config 6MiB
upload=""
begin ceph part_there
kill -9 "$pid"
wait "$pid" 2>/dev/null
is "kill -9 into a bucket: an upload is open" "$(uploads) $(state ceph)" "1 uploading"
config 0
s3_call POST "backups/p/$path?uploads=" >/dev/null # as if it had been killed before an id was noted
run "$pgkeep" copy "$id" --from nas --to ceph --json
is "it goes on" "$status $(jq -r '.outcome' "$work/out")" "0 resumed"
ok "it goes on: not from the beginning" test "$(jq .resumed_bytes "$work/out")" -gt 1000000
is "it goes on: the bytes are identical" "$(bytes ceph)" "$sum"
is "it goes on: no upload is open" "$(uploads) $(state ceph)" "0 complete"

# interrupted politely: undone
run "$pgkeep" delete "$id" --store ceph --yes
config 6MiB
upload=""
begin ceph part_there
run "$pgkeep" copy "$id" --from nas --to ceph
is "a second copy at the same time" "$status" 7
kill -TERM "$pid"
wait "$pid"
is "SIGTERM" $? 143
is "SIGTERM: undone" "$(uploads) $(state ceph)" "0 failed"
config 0
run "$pgkeep" copy "$id" --from nas --to ceph
is "and once more" "$status $(bytes ceph)" "0 $sum"

# into a folder: what is there of the temp file is kept, and is not believed
dead() { # dead FOLDER SET: the copy there is being uploaded by a process that is no more
    sqlite3 "$work/catalog.db" "DROP TRIGGER IF EXISTS copy_moves; UPDATE copies SET state = 'uploading', begun = 1, $2,
        owner = '1:1:1:00000000-0000-0000-0000-000000000000:$(hostname)' WHERE store = (SELECT id FROM stores WHERE name = 'dir:$1')"
}
half() { # half TO: as a kill -9 in the middle leaves it
    local temp
    run "$pgkeep" copy "$id" --from ceph --to "dir:$1"
    temp=$1/${path%/*}/.$id.part
    head -c 20000000 "$1/$path" >"$temp"
    rm "$1/$path" "$1/${path%.sql}.index.gz" "$1/manifests/$id.json"
    dead "$1" "upload = '${path%/*}/.$id.part'"
}
half "$work/usb2"
run "$pgkeep" copy "$id" --from ceph --to "dir:$work/usb2" --json
is "half a file goes on" "$status $(jq -c '[.outcome, .resumed_bytes]' "$work/out")" '0 ["resumed",20000000]'
is "half a file goes on: the bytes are identical" "$(sha256sum <"$work/usb2/$path" | cut -d" " -f1)" "$sum"
half "$work/usb3"
printf 'X' | dd of="$work/usb3/${path%/*}/.$id.part" bs=1 seek=5000 conv=notrunc status=none
run "$pgkeep" copy "$id" --from ceph --to "dir:$work/usb3"
is "half a file with other bytes is noticed" "$status" 6
is "half a file with other bytes: nothing of it is left" "$(state "dir:$work/usb3") $(find "$work/usb3" -type f -name "*$id*" | grep -vc state)" "failed 0"
run "$pgkeep" copy "$id" --from ceph --to "dir:$work/usb3"
is "and the next try is good" "$status $(sha256sum <"$work/usb3/$path" | cut -d" " -f1)" "0 $sum"

# killed after its manifest was written, and then somebody removed the data
run "$pgkeep" copy "$id" --from ceph --to "dir:$work/usb4"
rm "$work/usb4/$path"
dead "$work/usb4" "upload = NULL"
run "$pgkeep" copy "$id" --from ceph --to "dir:$work/usb4" --json
is "a manifest without data is no copy" "$status $(jq -r .outcome "$work/out") $(state "dir:$work/usb4")" "0 copied complete"
is "a manifest without data is no copy: the bytes" "$(sha256sum <"$work/usb4/$path" | cut -d" " -f1)" "$sum"

# deleted here, and put there again by another machine
run "$pgkeep" copy "$id" --from ceph --to "dir:$work/usb5"
cp -r "$work/usb5" "$work/again"
run "$pgkeep" delete "$id" --store "dir:$work/usb5" --yes
cp -r "$work/again/." "$work/usb5"
printf 'X' | dd of="$work/usb4/$path" bs=1 seek=1000 conv=notrunc status=none
run "$pgkeep" copy "$id" --from "dir:$work/usb4" --to "dir:$work/usb5"
is "another machine's copy is not given up for a source that is damaged" "$status $(sha256sum <"$work/usb5/$path" | cut -d" " -f1)" "6 $sum"
ok "another machine's copy keeps its manifest" test -s "$work/usb5/manifests/$id.json"
run "$pgkeep" copy "$id" --from ceph --to "dir:$work/usb5"
is "another machine's copy is replaced by a good one" "$status $(state "dir:$work/usb5")" "0 complete"

# --- what cannot be
while IFS='|' read -r name expected reason arguments; do
    eval "run \"\$pgkeep\" copy $arguments"
    is "$name: exit status" "$status" "$expected"
    like "$name: the reason" "$err" "$reason"
done <<'END'
the same store|2|same store|latest --from nas --to nas
an unknown store|3|nowhere|latest --from nas --to nowhere
an unknown id|1|01ZZ|01ZZ --from nas --to ceph
no store|2|--from|latest --to ceph
END
finished
