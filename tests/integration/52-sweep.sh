#!/usr/bin/env bash
# Goal: sweep finishes or undoes what crashes left, aborts only uploads of its own, removes orphans only when asked and
# old, and touches nothing that somebody else may own: not another prefix, not another catalog, not a live process.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/retention.sh
. "$(dirname "$0")/retention.sh"

pg_up main
rgw_up
s3_bucket backups
noise_db shop 250000
nas=$work/nas
conf "nas: { type = \"dir\"; path = \"$nas\"; };
      ceph: { type = \"s3\"; endpoint = \"$rgw_endpoint\"; bucket = \"backups\"; prefix = \"p/\"; path_style = true; };" "" \
    'nightly: { source = "shop"; stores = [ "nas", "ceph" ]; compress = "none"; };'
sed -i "s#dbname=shop#host=$PGHOST port=$PGPORT user=postgres dbname=shop#" "$config"

upload() { s3_call POST "backups/$1?uploads=" | grep -oE '<UploadId>[^<]*' | cut -c11-; }
uploads() { s3_call GET "backups?uploads=" | grep -oE '<Key>[^<]*' | cut -c6- | sort | tr '\n' ' '; }
keys() { s3_call GET "backups?list-type=2" | grep -oE '<Key>[^<]*' | cut -c6- | sort; }
all_files() { (cd "$nas" && find . -type f | sort); }
is_there() { if [ -e "$1" ]; then echo there; else echo gone; fi; }
begun() { [ -n "$(uploads)" ] && [ -n "$(find "$nas" -name '*.part')" ]; }
until_so() {
    local tries
    for ((tries = 0; tries < 200; tries++)); do
        "$@" && return
        sleep 0.1
    done
    return 1
}

# ---- nothing to do ----
keep sweep
is "without a catalog" "$status" 1
keep backup nightly && id=$out
keep sweep
is "nothing to sweep" "$status $out" "0 nothing to sweep"
keep sweep --json
is "the same in JSON" "$status $(json '[.completed, .cleaned, .deleted, .aborted, .orphans, .failed] | add')" "0 0"
keep sweep --store nowhere
is "an unknown store" "$status" 3
before=$(all_files && keys)
key=$(keep show "$id" --json && json '.copies[0].key')
folder=$(dirname "$key")
stranger=01JD0000000000000000000000
mkdir -p "$nas/data/shop/shop/2020" "$nas/state"
strange=data/shop/shop/2020/shop-full-20200101T000000Z-$stranger.sql

# ---- uploads ----
upload "p/$key" >/dev/null            # of ours, and nobody is at it
upload "p/$strange" >/dev/null        # looks like ours, unknown here, young
upload "p2/$strange" >/dev/null       # another prefix
upload "p/somebody/elses.bin" >/dev/null
mkdir -p "$nas/$folder"
echo x >"$nas/$folder/.$id.part"
echo x >"$nas/$folder/.$stranger.part"
echo x >"$nas/$folder/.01JD0000000000000000000001.part"
touch -d '8 days ago' "$nas/$folder/.01JD0000000000000000000001.part"
echo x >"$nas/$folder/mine.part"
keep sweep --json
is "uploads: exit status and figures" "$status $(json '[.aborted, .foreign] | map(tostring) | join(" ")')" "0 3 2"
is "disaster 10: ours without an owner is aborted; other prefixes, catalogs and names stay" "$(uploads)" "p/$strange p/somebody/elses.bin p2/$strange "
is "temp files: ours, a young stranger's, an old one's, somebody's" "$(is_there "$nas/$folder/.$id.part") \
$(is_there "$nas/$folder/.$stranger.part") $(is_there "$nas/$folder/.01JD0000000000000000000001.part") $(is_there "$nas/$folder/mine.part")" \
    "gone there gone there"

# ---- orphans ----
echo x >"$nas/$strange"
touch -d '8 days ago' "$nas/$strange"
keep sweep --orphans
is "disaster 7: no orphan goes while somebody uploads (pgbackrest#2622)" "$status $(is_there "$nas/$strange")" "0 there"
like "orphans: and it says so" "$err" "uploads are open: orphans are not looked for"
rm "$nas/$folder/.$stranger.part"
keep sweep
is "orphans: only when asked" "$(is_there "$nas/$strange")" there
touch "$nas/$strange"
keep sweep --orphans
is "orphans: only old ones" "$(is_there "$nas/$strange") $out" "there uploads left that are not of this catalog: 1
orphans younger than 7 days: 1"
touch -d '8 days ago' "$nas/$strange"
echo x >"$nas/state/$stranger.json" && touch -d '8 days ago' "$nas/state/$stranger.json"
echo x >"$nas/data/notes.txt" && touch -d '8 days ago' "$nas/data/notes.txt"
mkdir -p "$nas/other" && echo x >"$nas/other/shop-full-20200101T000000Z-$stranger.sql" && touch -d '8 days ago' "$nas/other/"*
echo x >"$nas/manifests/$stranger.json"
keep sweep --orphans --json
is "orphans: what a manifest speaks for is a backup, only unknown here" \
    "$(is_there "$nas/$strange") $(is_there "$nas/state/$stranger.json") $(json .unknown)" "there there 1"
rm "$nas/manifests/$stranger.json"
keep sweep --orphans --json --store nas
is "orphans: removed" "$status $(json .orphans) $(is_there "$nas/$strange") $(is_there "$nas/state/$stranger.json")" "0 2 gone gone"
is "orphans: what is not of our naming stays" "$(is_there "$nas/data/notes.txt") $(is_there "$nas/other/shop-full-20200101T000000Z-$stranger.sql")" \
    "there there"
rm -r "$nas/data/notes.txt" "$nas/other" "$nas/$folder/mine.part"
for key in "p/$strange" p/somebody/elses.bin "p2/$strange"; do
    s3_call GET "backups?uploads=" | grep -oE "<Key>$key</Key><UploadId>[^<]*" | sed 's/.*<UploadId>//' |
        while read -r handle; do s3_call DELETE "backups/$key?uploadId=$handle"; done
done
is "what was there before is there still" "$(all_files && keys)" "$before"

# by our clock it is old, by the store's it is not
if [ -n "$faketime" ]; then
    s3_call PUT "backups/p/$strange" x
    run env LD_PRELOAD="$faketime" FAKETIME=+9d "$pgkeep" --config "$config" sweep --orphans --store ceph
    is "orphans: their age is held against the clock that dated them" "$(keys | grep -c "$stranger")" 1
    s3_call DELETE "backups/p/$strange"
fi

# ---- a live backup ----
"$pgkeep" --config "$config" backup nightly --limit-rate 4MiB >"$work/slow.out" 2>"$work/slow.err" </dev/null &
pid=$!
until_so begun
keep sweep --orphans
is "a live backup: its upload stays" "$status $(uploads | wc -w) $(find "$nas" -name '*.part' | wc -l)" "0 1 1"
like "a live backup: orphans are not looked for" "$err" "orphans are not looked for"
wait "$pid"
is "a live backup: and it ends well" "$?" 0
second=$(cat "$work/slow.out")
run "$pgkeep" --config "$config" verify "$second"
is "a live backup: it verifies" "$status" 0

# ---- a dead one ----
"$pgkeep" --config "$config" backup nightly --limit-rate 4MiB >"$work/slow.out" 2>"$work/slow.err" </dev/null &
pid=$!
until_so begun
kill -9 "$pid"
wait "$pid" 2>/dev/null
keep sweep --json
is "a dead one is undone" "$status $(json '[.cleaned, .ended] | map(tostring) | join(" ")') $(uploads)$(find "$nas" -name '*.part' | wc -l)" "0 2 1 0"
keep list --json
is "a dead one is failed" "$(json '.artifacts[0] | .status + " " + ([.copies[].state] | join(" "))')" "failed failed failed"
keep sweep
is "and there is nothing more to sweep" "$out" "nothing to sweep"

# ---- ad-hoc stores ----
once() { keep backup --source "host=$PGHOST port=$PGPORT user=postgres dbname=shop" --store "dir:$work/$1" && first=${first:-$out}; }
first=""
once gone
once other
keep prune --json
is "ad hoc: no other backup's store is waited for" "$(json '[.copies[] | select(.group | startswith("adhoc")) | .reasons[]] | unique | join("; ")')" "no rule is on"
rm -rf "$work/gone"
keep sweep
is "an ad-hoc store that is gone: sweep" "$status" 0
like "an ad-hoc store that is gone: a warning" "$err" "warning: skipped: .*dir:$work/gone"
keep catalog sync
is "an ad-hoc store that is gone: sync" "$status" 0
keep prune
is "an ad-hoc store that is gone: prune" "$status" 0
keep sweep --store "dir:$work/gone"
is "an ad-hoc store that is gone, asked for" "$status" 5
keep delete "$first" --yes
is "an ad-hoc store that is gone: a deletion waits for it" "$status" 5
sqlite3 "$catalog" "UPDATE copies SET state = 'deleting' WHERE artifact = (SELECT number FROM artifacts WHERE id = '$first')"
keep sweep
is "an ad-hoc store that is gone, with something unfinished" "$status" 8
keep catalog sync
is "the same for sync" "$status" 8

# ---- one store away ----
rgw_gateway stop
keep sweep
is "one store away: exit status" "$status" 8
like "one store away: it is named" "$out" "skipped store ceph"
finished
