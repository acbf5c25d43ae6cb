#!/usr/bin/env bash
# What the stream layer makes of real dumps: every byte comes back, every row of every table is counted under
# the name that the table really has, and only a whole dump counts as one - whatever names and values say.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

stream=$build/tests/stream
pg_up main

stream_dump() { # stream_dump CODEC THREADS CHUNK_SIZE <DUMP: the result's lines
    rm -rf "$work/out-folder"
    mkdir "$work/out-folder"
    "$stream" "$1" "$2" "$3" "$work/out-folder"
}

# What the server says: a line per table that has rows of its own. Hash partitions of an enum are dumped through
# their root, because the hashes differ between clusters.
true_counts() {
    psql -XAt -F ' ' -d "$1" <<'END' | sort -k 3
SELECT 'table', sum(c), encode(convert_to(n, getdatabaseencoding()), 'hex'), encode(convert_to(t, getdatabaseencoding()), 'hex')
FROM (SELECT nspname::text AS n,
             CASE WHEN relname ~ '^hashed_[01]$' THEN 'hashed' ELSE relname::text END AS t,
             (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM ONLY %I.%I', nspname, relname),
                                                  false, true, '')))[1]::text::bigint AS c
      FROM pg_class JOIN pg_namespace ns ON ns.oid = relnamespace
      WHERE relkind = 'r' AND nspname !~ '^(pg_|information_schema$)'
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_class.oid AND d.deptype = 'e')) counts
GROUP BY n, t;
END
}

index_rows() { zcat "$work/out-folder/index.gz" | grep -ao '"rows":[0-9]*' | awk -F: '{n += $2} END {print n + 0}'; }

check_database() { # check_database NAME DATABASE [PG_DUMP OPTION...]
    local name=$1 database=$2 result
    shift 2
    pg_dump "$@" "$database" >"$work/dump.sql" 2>"$work/err" || diag "$(cat "$work/err")"
    result=$(stream_dump gzip 2 0 <"$work/dump.sql")
    like "$name: ends well" "$result" ^ended\ well
    is "$name: rows of every table" "$(grep ^table <<<"$result" | sort -k 3)" "$(true_counts "$database")"
    is "$name: the index counts the same rows" "$(index_rows)" "$(awk '/^table/ {n += $2} END {print n + 0}' <<<"$result")"
    ok "$name: gunzip gives pg_dump's bytes" cmp <(zcat "$work/out-folder/data") "$work/dump.sql"
    is "$name: hash of the raw bytes" "$(awk '/^raw/ {print $3}' <<<"$result")" "$(sha256sum <"$work/dump.sql" | cut -d' ' -f1)"
    is "$name: hash of the stored bytes" "$(awk '/^stored/ {print $3}' <<<"$result")" "$(sha256sum <"$work/out-folder/data" | cut -d' ' -f1)"
}

createdb nasty
psql -qX -o /dev/null -d nasty -f "$top/tests/support/nasty.sql" 2>"$work/err" || diag "$(cat "$work/err")"
check_database nasty nasty
check_database "nasty, data only" nasty --data-only --disable-triggers
check_database "nasty, verbose, with its database" nasty --verbose --create

createdb -T template0 -E EUC_JP --locale=C euc
PGCLIENTENCODING=UTF8 psql -qX -d euc >"$work/out" <<'END'
CREATE SCHEMA "日本;";
CREATE TABLE "日本;"."表""\" ("列" text, "能" text);
INSERT INTO "日本;"."表""\" VALUES ('表\.', E'能\n\\.'), ('ソ', '構');
END
check_database "EUC_JP" euc
is "EUC_JP: the index says so" "$(zcat "$work/out-folder/index.gz" | tail -n 1 | grep -o '"encoding":"[A-Z_]*"')" '"encoding":"EUC_JP"'

createdb -T template0 -E SQL_ASCII --locale=C ascii
printf 'CREATE TABLE "t\377\351" ("c\376" text); INSERT INTO "t\377\351" VALUES (%s), (NULL);' "'"$'\xff\x80'"'" |
    PGCLIENTENCODING=SQL_ASCII psql -qX -d ascii
check_database "SQL_ASCII, names that are no UTF-8" ascii
like "such a name stands in the index as hex" "$(zcat "$work/out-folder/index.gz")" '"table":\{"hex":"74ffe9"\}'

psql -qX -c 'CREATE DATABASE escapes' -c 'ALTER DATABASE escapes SET standard_conforming_strings = off'
psql -qX -d escapes -o "$work/out" <<'END'
SET escape_string_warning = off;
CREATE TABLE t (a text DEFAULT 'it\'s; \\');
INSERT INTO t VALUES ('x');
COMMENT ON TABLE t IS 'a\\';
END
check_database "backslashes in plain strings" escapes

# Every codec, thread count and chunk size: the same bytes.
pg_dump nasty >"$work/dump.sql"
want=$(true_counts nasty)
for way in "gzip:6 1 0 gzip" "zstd 4 100000 zstd" "bzip2:1 2 0 bzip2" "none 3 1000 cat" "gzip 8 5000 gzip" "zstd:9 2 0 zstd"; do
    read -r codec threads size program <<<"$way"
    command -v "$program" >/dev/null || continue
    result=$(stream_dump "$codec" "$threads" "$size" <"$work/dump.sql")
    is "$codec, $threads threads, chunks of $size: rows" "$(grep ^table <<<"$result" | sort -k 3)" "$want"
    [ "$program" = cat ] || program="$program -dc"
    # shellcheck disable=SC2086 # program and option
    ok "$codec, $threads threads, chunks of $size: $program gives the dump" cmp <($program <"$work/out-folder/data") "$work/dump.sql"
done

# Other kinds of dump.
like "schema only ends well, without tables" "$(pg_dump --schema-only nasty | stream_dump gzip 2 0 | sed '2,5d')" '^ended well$'
like "rows as INSERT pass through" "$(pg_dump --inserts nasty | stream_dump gzip 2 0 | sed '2,5d')" '^ended well$'
like "globals end well" "$(pg_dumpall --globals-only | stream_dump gzip 2 0)" '^ended well'
for section in pre-data data post-data; do
    like "--section=$section ends well" "$(pg_dump --section=$section nasty | stream_dump gzip 2 0)" '^ended well'
done
is "an empty database has no tables" "$(createdb empty && pg_dump empty | stream_dump gzip 2 0 | grep -c ^table)" 0

# Cut dumps: in the huge row, in a table that holds whole dumps, by the last byte.
size=$(stat -c %s "$work/dump.sql")
end=$(grep -abo 'PostgreSQL database dump complete' "$work/dump.sql" | sed -n 5p | cut -d: -f1)
for cut in 10000000 $((end + 40)) $((size - 1)) $((size - 60)); do
    like "cut behind $cut bytes of $size: not whole" "$(head -c "$cut" "$work/dump.sql" | stream_dump gzip 2 0)" '^ended badly'
done
finished
