#!/usr/bin/env bash
# Goal: list, show and status say what the catalog knows, in text and JSON; names cannot drive a
# terminal; monitoring gets the right exit status. Needs no server.
# shellcheck disable=SC2016 # backquotes of messages
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
catalog=$work/catalog.db
config=$work/pgkeep.conf
cat >"$config" <<END
catalog = "$catalog";
sources: { shop: { conninfo = "dbname=shop"; }; };
stores: { nas: { type = "dir"; path = "$work/nas"; }; offsite: { type = "dir"; path = "$work/offsite"; }; };
jobs: { nightly: { source = "shop"; stores = [ "nas", "offsite" ]; }; weekly: { source = "shop"; stores = [ "nas" ]; }; };
END
chmod 600 "$config"
pg() { run "$pgkeep" --config "$config" "$@"; }
fill() { "$build/tests/catalog" "$1" || exit 1; }
json() { jq -r "$1" <<<"$out"; }

# ---- no catalog yet ----
pg list
is "list without a catalog says so and is no failure" "$status $out$err" \
    "0 no backups yet in $catalog: \`pgkeep help backup\` says how to take one, \`pgkeep catalog rebuild\` makes a lost catalog anew"
pg list --json
is "and is an empty list in JSON" "$status $(jq -c . <<<"$out")" '0 {"artifacts":[]}'
pg show latest
is "show without a catalog is an error with ways on" "$status $out$err" \
    "1 pgkeep: there is no catalog at $catalog
hint: --catalog FILE names another; \`pgkeep catalog rebuild\` makes it anew from the stores, with --store URL where none is configured"
pg status
is "status without a catalog lists the jobs" "$status $out$err" \
    "0 JOB      DATABASE  TYPE  LAST GOOD  AGE  SIZE  REMARKS
nightly  -         -     -            -     -  never ran
weekly   -         -     -            -     -  never ran"
pg status --max-age 26h
is "and with --max-age it is too old" "$status $err" \
    '10 pgkeep: job "nightly" has no good backup
pgkeep: job "weekly" has no good backup'
isnt_there "reading makes no catalog" "$catalog"

# ---- a catalog with one of each ----
fill "$catalog" <<'END'
{"id": "01JD000001AAAAAAAAAAAAAAAA", "job": "nightly", "source": "shop", "database": "shop", "time": "2026-11-18T02:00:00Z", "raw_bytes": 5000000, "stored_bytes": 1000000, "copies": [{"store": "nas", "state": "deleted"}]}
{"id": "01JD000002AAAAAAAAAAAAAAAA", "job": "nightly", "source": "shop", "database": "shop", "time": "2026-11-19T02:00:00Z", "raw_bytes": 5000000, "stored_bytes": 1000000, "pin": "before migration", "copies": [{"store": "nas", "state": "verified"}, {"store": "offsite", "state": "failed", "error": "service answered 503 SlowDown"}]}
{"id": "01JD000003AAAAAAAAAAAAAAAA", "job": "nightly", "source": "shop", "database": "shop", "time": "2026-11-20T02:00:00Z", "status": "failed", "error": {"code": "database", "message": "pg_dump: exit status 1"}, "copies": [{"store": "nas", "state": "failed", "error": "the dump failed"}]}
{"id": "01JD000004AAAAAAAAAAAAAAAA", "source": "adhoc", "database": "bad\nname\u001b[2J", "time": "2026-11-20T03:00:00Z", "raw_bytes": 5000, "stored_bytes": 1000, "name": "x\u001b]0;owned\u0007", "tags": {"env": "ci", "run": "17"}, "filters": {"exclude_tables": "log.*"}, "tables": [{"schema": "public", "name": "it\u001b[1mems", "rows": 10, "raw_bytes": 300}, {"schema": "", "name": "big", "rows": -1}], "copies": [{"store": "nas", "state": "complete"}]}
{"id": "01JD000005AAAAAAAAAAAAAAAA", "job": "nightly", "source": "shop", "database": "", "type": "globals", "time": "2026-11-20T04:00:00Z", "raw_bytes": 2000, "stored_bytes": 500, "suspect": true, "copies": [{"store": "nas", "state": "damaged", "error": "SHA-256 differs"}, {"store": "offsite", "state": "locked", "error": "object lock", "until": "2036-12-24T00:00:00Z"}]}
END
pg list
is "list: newest first, deleted ones hidden, states of copies, escaped names" "$status $err$out" \
    '0 ID          TIME                    JOB      DATABASE            TYPE                  SIZE  STATUS    COPIES                       REMARKS
01JD000005  2026-11-20 04:00:00+00  nightly  (globals)           globals              500 B  complete  nas damaged, offsite locked  suspect; nas: SHA-256 differs; offsite: object lock
01JD000004  2026-11-20 03:00:00+00  -        bad\x0Aname\x1B[2J  full (filtered)     1000 B  complete  nas                          "x\x1B]0;owned\x07"
01JD000003  2026-11-20 02:00:00+00  nightly  shop                full                     -  failed    nas failed                   pg_dump: exit status 1; nas: the dump failed
01JD000002  2026-11-19 02:00:00+00  nightly  shop                full             976.6 KiB  complete  nas, offsite failed          pinned "before migration"; offsite: service answered 503 SlowDown'

# ids PAGE...: the sixth-last characters tell them apart
ids() {
    pg list --json "$@"
    json '[.artifacts[].id[4:10]] | join(" ")'
}
is "list --json has them all" "$(ids)" "000005 000004 000003 000002"
is "--status" "$(ids --status failed)" "000003"
is "--status deleted" "$(ids --status deleted)" "000001"
is "--since and --until" "$(ids --since 2026-11-20T02:00:00Z --until 2026-11-20T04:00:00Z)" "000004 000003"
is "--job" "$(ids --job nightly)" "000005 000003 000002"
is "--store: a copy that is not deleted" "$(ids --store offsite)" "000005 000002"
is "--tag" "$(ids --tag env=ci --tag run=17)" "000004"
is "--tag of another value" "$(ids --tag env=prod)" ""
is "--limit and --offset" "$(ids --limit 2 --offset 1)" "000004 000003"
pg list --limit 1 --job nightly
like "text says how many more there are" "$out" $'\n2 more: --offset 1$'
pg list --tag no=such
is "nothing matches" "$status $out" "0 none of the 4 artifacts in $catalog match"
pg list --job nihgtly
is "a job that nobody knows" "$status" 3
pg list --offset 9
is "a page behind the end" "$status $out" "0 none on this page: 4 match in all"
pg list --status finished
is "an unknown status is a usage error" "$status" 2
pg list --json --tag env=ci
is "list --json: exact keys and values" "$(jq -cS .artifacts[0] <<<"$out")" \
    "$(jq -cS . <<'END'
{"id": "01JD000004AAAAAAAAAAAAAAAA", "seq": 4, "job": null, "source": "adhoc", "database": "bad\nname\u001b[2J",
 "type": "full", "format": "plain", "compression": "gzip", "level": 1, "status": "complete",
 "time": "2026-11-20T03:00:00Z", "started": "2026-11-20T02:59:59Z", "finished": "2026-11-20T03:00:40Z",
 "raw_bytes": 5000, "stored_bytes": 1000,
 "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
 "raw_sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
 "name": "x\u001b]0;owned\u0007", "description": null, "tags": {"env": "ci", "run": "17"},
 "pinned": false, "suspect": false, "error": null,
 "copies": [{"store": "nas", "state": "complete", "key": "data/adhoc/01JD000004AAAAAAAAAAAAAAAA.sql.gz",
   "bytes": 1000, "verified": null, "error": null, "store_left": false}], "filtered": true, "pin": null}
END
)"
pg list --json
is "stdout is one document without control characters" \
    "$(jq -s length <"$work/out") $(grep -cP '[\x00-\x08\x0b-\x1f\x7f]' "$work/out")" "1 0"

# A terminal of 80 columns: no line wraps, and what is wrong is still told.
if script -qec true /dev/null >/dev/null 2>&1; then
    narrow=$(SHELL=/bin/bash script -qec "stty cols 80; $pgkeep --config $config list" /dev/null | tr -d '\r')
    is "on a terminal no line is longer than it is wide" "$(awk '{ if (length($0) > most) most = length($0) } END { print most <= 80 }' <<<"$narrow")" 1
    like "it begins with what, when and of what" "$narrow" $'01JD000003  2026-11-20 02:00  .*shop .* nas failed +pg_du'
else
    skip "a narrow terminal" "no pseudo-terminal can be had here"
fi

# ---- show ----
pg show 01jd000004
is "show: fields, the copy, tables; any prefix in either case" "$status $err$out" \
    '0 id               01JD000004AAAAAAAAAAAAAAAA
status           complete
source           adhoc
database         bad\x0Aname\x1B[2J
type             full, plain format
compression      gzip:1
name             x\x1B]0;owned\x07
tag              env=ci
tag              run=17
filter           exclude_tables log.*
time             2026-11-20 03:00:00+00
started          2026-11-20 02:59:59+00
finished         2026-11-20 03:00:40+00
duration         41s
raw size         4.9 KiB (5000 bytes)
stored size      1000 B (1000 bytes)
ratio            5.0 : 1
sha256           e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
raw sha256       e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
server           15.8
pg_dump          15.8
pgkeep           0.1.0
host             db1

copy in          nas
  state          complete
  key            data/adhoc/01JD000004AAAAAAAAAAAAAAAA.sql.gz
  index          data/adhoc/01JD000004AAAAAAAAAAAAAAAA.index.gz
  size           1000 B (1000 bytes)

TABLE                ROWS  RAW SIZE
public.it\x1B[1mems    10     300 B
big                     -         -'
pg show latest
is "latest of two databases is none" "$status" 2
pg show latest:adhoc
like "latest is the newest complete one of type full" "$out" '^id               01JD000004'
pg show latest:nightly
like "latest of a job, too" "$out" '^id               01JD000002'
pg show 01JD000005
like "show tells why a copy is bad" "$out" $'copy in          nas\n  state          damaged\n.*SHA-256 differs'
like "and when a lock ends" "$out" 'locked until   2036-12-24 00:00:00\+00'
like "and the history of verifications" "$out" $'VERIFIED .*\n.* nas +full +1.5s  damaged: SHA-256 differs'
pg show 01JD000005 --json
is "show --json is one artifact with its history" \
    "$(json '[.id, .suspect, .verifications[0].result, .copies[1].deletion.reason, .row_count] | map(tostring) | join(" ")')" \
    "01JD000005AAAAAAAAAAAAAAAA true damaged no rule keeps it 0"
pg show 01JD000002
like "show tells pins and their reason" "$out" $'\npinned           for ever\npin reason       before migration\n'
like "a good verification" "$out" $'copy in          nas\n.*\n  verified       20..-..-.. ..:..:..\+00 \\(full\\)\n'
like "and which store failed and why" "$out" \
    $'copy in          offsite\n  state          failed\n.*\n  error          service answered 503 SlowDown'
pg show 01JD00000
is "an ambiguous id is a usage error" "$status" 2
pg show 01JX
is "an unknown id is an error" "$status" 1

# ---- status ----
now=$work/now.db
sed -i "s|^catalog = .*|catalog = \"$now\";|" "$config"
fill "$now" <<'END'
{"id": "01JD000001AAAAAAAAAAAAAAAA", "job": "nightly", "source": "shop", "database": "shop", "hours_ago": 50, "stored_bytes": 1000, "copies": [{"store": "nas"}, {"store": "offsite", "state": "missing", "error": "no such object"}]}
{"id": "01JD000002AAAAAAAAAAAAAAAA", "job": "nightly", "source": "shop", "database": "shop", "hours_ago": 3, "stored_bytes": 1000, "copies": [{"store": "nas"}, {"store": "offsite"}]}
{"id": "01JD000003AAAAAAAAAAAAAAAA", "job": "weekly", "source": "shop", "database": "shop", "hours_ago": 20, "stored_bytes": 1000, "copies": [{"store": "nas"}]}
{"id": "01JD000004AAAAAAAAAAAAAAAA", "job": "retired", "source": "old", "database": "old", "hours_ago": 900, "stored_bytes": 1000, "copies": [{"store": "nas", "state": "deleting", "error": "service answered 503"}]}
END
pg status --max-age 26h
is "fresh backups of all jobs: exit 0" "$status $err" "0 "
like "last good ones and their age" "$out" 'nightly  shop      full  20..-..-.. ..:..:..\+00 +3h00m  1000 B'
like "a job that is no longer configured says so" "$out" 'retired .*policy none: kept for ever; the job left the configuration'
like "missing copies are shown" "$out" '01JD000001  nightly  shop      offsite  missing .* no such object; `pgkeep copy` brings it back'
like "and stuck deletions" "$out" '01JD000004  retired  old       nas      deleting +[0-9.]+s +service answered 503'
pg -q status --max-age 26h
is "quiet and all is well: not a word" "$status $out$err" "0 "
pg -q status --max-age 10h
is "quiet and too old: the reason alone" "$status $out$err" \
    '10 pgkeep: job "weekly": the last good backup of "shop" is 20h00m old, more than 10h00m'
pg status --max-age 10h --job nightly
is "--job looks at one" "$status" 0
unlike "and shows only that" "$out" 'weekly|retired'
pg status --job nihgtly
like "an unknown job is a configuration error" "$status $err" '^3 pgkeep: .*nihgtly'
fill "$now" <<'END'
{"id": "01JD000005AAAAAAAAAAAAAAAA", "job": "nightly", "source": "shop", "database": "blog", "hours_ago": 1, "status": "failed", "error": {"code": "database", "message": "no such database"}, "copies": []}
{"id": "01JD000006AAAAAAAAAAAAAAAA", "job": "nightly", "source": "shop", "database": "shop", "hours_ago": 0, "status": "running", "phase": "dump", "raw_bytes": 1048576, "stored_bytes": 262144, "estimate": 4194304, "copies": [{"store": "nas", "state": "uploading"}]}
END
pg status --max-age 26h
is "a database that never succeeded does not hide behind another" "$status $err" \
    '10 pgkeep: job "nightly": there is no good backup of "blog"'
like "the last try is shown" "$out" 'nightly  blog .*too old; the last one: failed: no such database'
like "running ones with their progress, and that their process is gone" "$out" \
    '01JD000006  nightly  shop      dump   1.0 MiB  256.0 KiB  25 % .* dead'
like "and what to do" "$out" '01JD000006  nightly  shop      - +abandoned .*pgkeep sweep'
pg show 01JD000006
like "show tells how far a running one is" "$out" \
    $'\nprogress         dump: 1.0 MiB raw, 256.0 KiB stored\nestimate         4.0 MiB raw\n'
like "and that its process is gone" "$out" $'\nowner            its process is gone; the next backup or `pgkeep sweep` clears it\n'
like "and what became of its upload" "$out" $'\n  state          uploading\n.*\n  upload         not begun, its process: dead'
pg status --json --max-age 26h
is "status --json has the same and exits the same" \
    "$status $(json '[.too_old, .max_age_seconds, (.jobs | length), .running[0].owner, .running[0].estimate_bytes, (.problems | map(.what) | join(","))] | map(tostring) | join(" ")')" \
    "10 true 93600 3 dead 4194304 abandoned,missing,deleting"

# ---- long reasons ----
long=$(printf '%0150d why' 0)
fill "$work/long.db" <<END
{"id": "01JD000007AAAAAAAAAAAAAAAA", "source": "s", "database": "d", "status": "failed", "error": {"code": "store", "message": "$long\\nhint: do it"}, "copies": []}
END
run "$pgkeep" --catalog "$work/long.db" list
like "list cuts the middle out of a long reason" "$out" "  ${long:0:50}\\.\\.\\.${long:0:46} why\$"
run "$pgkeep" --catalog "$work/long.db" status
unlike "status leaves the hint to show" "$out" "hint"
run "$pgkeep" --catalog "$work/long.db" show 01JD000007
like "show does not" "$out" "error            store: $long"

# ---- a medium that is read-only ----
mkdir "$work/medium"
fill "$work/medium/catalog.db" <<'END'
{"id": "01JD000008AAAAAAAAAAAAAAAA", "job": "nightly", "source": "shop", "database": "shop", "time": "2026-11-20T05:00:00Z", "raw_bytes": 5000, "stored_bytes": 1000, "copies": [{"store": "nas", "state": "complete"}]}
END
on_medium() {
    # shellcheck disable=SC2016 # for the inner shell
    run unshare -m sh -c 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"' sh \
        "$work/medium" "$pgkeep" --config "$config" --catalog "$work/medium/catalog.db" "$@"
}
if unshare -m sh -c 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"' sh "$work/medium" 2>/dev/null; then
    on_medium list
    like "list reads a catalog on a read-only medium" "$status $out$err" '^0 .*01JD000008 '
    on_medium show latest
    like "show does" "$status $out$err" '^0 .*01JD000008'
    on_medium status
    like "status does" "$status $out$err" '^0 .*nightly +shop'
    on_medium pin latest
    like "what would write says so" "$status $err" '^1 pgkeep: catalog .*/medium/catalog.db may not be written'
    is "and nothing is made beside it" "$(ls "$work/medium")" catalog.db
else
    skip "list, show and status read a catalog on a read-only medium" "no mount name space may be made here"
fi

# ---- a catalog that is none ----
echo "not a database, but long enough to be looked at as one" >"$now"
pg list
like "another file is refused" "$status $err" "^[16] pgkeep: .*$now"
finished
