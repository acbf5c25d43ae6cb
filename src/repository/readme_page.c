/*
 * The text is for somebody at night whose pgkeep is gone with the machine: blocks to paste,
 * in order, with this store's own address in them, and nothing but standard tools. It is
 * the same for all backups in a store; what differs stands in the manifests.
 */
#include "repository/readme_page.h"

#include "base/text.h"

enum { CEILING = 256 * 1024 };

/*
 * The shell functions that differ by the kind of place; the rest of the page calls only these:
 *
 *     get KEY       one object to stdout
 *     list          "DATE TIME SIZE NAME" of every manifest, the times of all in one zone
 *     load NAME...  these manifests into ./manifests; in a bucket with one `aws` for all of them, as a
 *                   process each takes a second
 */
static void add_folder_setup(struct text *out, const struct readme_page_place *place)
{
    text_add(out, "    STORE=");
    text_add_quoted(out, place->folder);
    text_add(
        out,
        "\n    get() { cat \"$STORE/$1\"; }\n"
        "    list() { find \"$STORE/manifests\" -name '*.json' -printf '%TF %TT %s %f\\n'; "
        "}\n"
        "    load() { mkdir -p manifests; (cd \"$STORE/manifests\" && cat -- \"$@\") > "
        "manifests/list; }\n");
}

/* "s3://BUCKET/PREFIX/": what keys are put behind. */
static void add_bucket_url(struct text *out, const struct readme_page_place *place)
{
    const char *prefix = place->prefix != NULL ? place->prefix : "";
    bool slash = *prefix == '\0' || text_ends_with(prefix, "/");
    text_addf(out, "s3://%s/%s%s", place->bucket, prefix, slash ? "" : "/");
}

/* The same service that pgkeep was told of, said in the words of the AWS command line. */
static void add_aws(struct text *out, const struct readme_page_place *place)
{
    text_add(out, "aws");
    if (place->endpoint != NULL) {
        text_add(out, " --endpoint-url ");
        text_add_quoted(out, place->endpoint);
    }
    if (place->region != NULL) {
        text_add(out, " --region ");
        text_add_quoted(out, place->region);
    }
    text_add(out, " s3");
}

/* With the AWS command line, as every provider's manual has it; keys come from where that
 * one takes them. */
static void add_bucket_setup(struct text *out, const struct readme_page_place *place)
{
    struct text url;
    text_init(&url, CEILING);
    add_bucket_url(&url, place);
    text_add(out, "    STORE=");
    text_add_quoted(out, url.data);
    text_add(out, "\n    s3() { ");
    add_aws(out, place);
    text_add(out, " \"$@\"; }\n"
                  "    get() { s3 cp \"$STORE$1\" -; }\n"
                  "    list() { s3 ls \"${STORE}manifests/\"; }\n"
                  "    load() { s3 cp --quiet --recursive \"${STORE}manifests/\" manifests "
                  "--exclude '*' "
                  "\"${@/#/--include=}\" &&\n"
                  "        (cd manifests && cat -- \"$@\") > manifests/list; }\n");
    text_release(&url);
}

/* What the store holds, by name, for somebody who has never heard of pgkeep. */
static const char head[] = "# Restoring by hand\n"
                           "\n"
                           "The backups in here were made by pgkeep, and can be restored "
                           "without it: they are plain SQL or\n"
                           "pg_dump archives, compressed with gzip, zstd or bzip2. You "
                           "need the PostgreSQL client programs, not\n"
                           "older than the pg_dump that made the backup (its manifest says "
                           "which), and what is named below.\n"
                           "\n"
                           "| what | where |\n"
                           "|---|---|\n"
                           "| manifest: JSON, one per backup; only a backup that has one "
                           "is whole | `manifests/ID.json` |\n"
                           "| the backup itself | its manifest's `key`, below `data/` |\n"
                           "| chunk index: which table lies where in it; not needed here | "
                           "its manifest's `index` |\n"
                           "| pins, last verification | `state/ID.json` |\n"
                           "\n"
                           "Run the blocks below one after the other in one shell (bash), "
                           "outside of the store. If it lies elsewhere\n"
                           "by now, change the first line.\n"
                           "\n"
                           "## 1. Reach the store\n"
                           "\n";

static const char bucket_keys[] =
    "The AWS command line needs its keys: `aws configure`, or `AWS_ACCESS_KEY_ID` and\n"
    "`AWS_SECRET_ACCESS_KEY` in the environment.\n"
    "\n";

/* From here on the same for folder and bucket. */
static const char find[] =
    "    newest() {  # newest DAYS: what was written in the last so many days up to the "
    "newest backup\n"
    "        last=$(list | sort | tail -n 1 | cut -c 1-19)\n"
    "        since=$(date -d \"$last ${1:-1} days ago\" '+%F %T')\n"
    "        load $(list | sort | awk -v since=\"$since\" '$1 \" \" $2 >= since {print "
    "$4}') &&\n"
    "            jq -r '[.id, .time, .source, .database, .type, .format, .raw_bytes] | "
    "@tsv' "
    "manifests/list | sort\n"
    "    }\n"
    "\n"
    "## 2. Find the backup\n"
    "\n"
    "Ids sort by time, so the newest stand last. `jq` is only a convenience: a manifest is "
    "text.\n"
    "\n"
    "    newest          # of the last day that has any: all databases of its runs, and "
    "globals\n"
    "    newest 30       # older ones, too: those of thirty days; 100000 is all\n"
    "\n"
    "Choose one, and see where its data lies:\n"
    "\n"
    "    ID=...                                   # the first column\n"
    "    get \"manifests/$ID.json\" > manifest.json\n"
    "    KEY=$(jq -r .key manifest.json); echo \"$KEY\"\n"
    "\n"
    "## 3. Check it\n"
    "\n"
    "Both lines must be the same. If they differ, the object is damaged: take another copy "
    "or backup.\n"
    "\n"
    "    get \"$KEY\" | sha256sum | cut -d' ' -f1\n"
    "    jq -r .sha256 manifest.json\n"
    "\n"
    "After decompression the SHA-256 is `raw_sha256`, unless `raw_sha256_of` says "
    "otherwise.\n"
    "\n";

/* From the roles to the last ANALYZE, each line to be pasted as it is. */
static const char restore[] =
    "## 4. Roles and tablespaces, if they are gone too\n"
    "\n"
    "Backups of type `globals` hold them; they have ids of their own in the list above. "
    "Errors about roles\n"
    "that exist already do no harm.\n"
    "\n"
    "    GLOBALS=...                              # the id of one of type globals\n"
    "    get \"manifests/$GLOBALS.json\" > globals.json\n"
    "    get \"$(jq -r .key globals.json)\" | gunzip | psql -X -d postgres   # .sql.gz\n"
    "\n"
    "## 5. Make the database\n"
    "\n"
    "From `template0`, with the encoding and locale of the original (`properties` in the "
    "manifest, which\n"
    "also has the owner, comment, settings and rights of the database that no dump "
    "contains):\n"
    "\n"
    "    jq .properties manifest.json\n"
    "    NEWDB=restored\n"
    "    createdb --template=template0 --encoding=UTF8 --locale=C.UTF-8 "
    "--owner=postgres \"$NEWDB\"\n"
    "\n"
    "## 6. Restore\n"
    "\n"
    "First this, so that a failed download or a damaged file is an error:\n"
    "\n"
    "    set -o pipefail\n"
    "\n"
    "Then **one** of these lines: the one that ends in what the key ends in.\n"
    "\n"
    "    get \"$KEY\" | gunzip   | psql -X -v ON_ERROR_STOP=1 -d \"$NEWDB\"   # .sql.gz\n"
    "    get \"$KEY\" | zstd -dc | psql -X -v ON_ERROR_STOP=1 -d \"$NEWDB\"   # .sql.zst\n"
    "    get \"$KEY\" | bunzip2  | psql -X -v ON_ERROR_STOP=1 -d \"$NEWDB\"   # .sql.bz2\n"
    "    get \"$KEY\"            | psql -X -v ON_ERROR_STOP=1 -d \"$NEWDB\"   # .sql\n"
    "    get \"$KEY\" | gunzip   | pg_restore --exit-on-error -d \"$NEWDB\"   # .dump.gz\n"
    "    get \"$KEY\" | zstd -dc | pg_restore --exit-on-error -d \"$NEWDB\"   # .dump.zst\n"
    "    get \"$KEY\" | bunzip2  | pg_restore --exit-on-error -d \"$NEWDB\"   # .dump.bz2\n"
    "    get \"$KEY\"            | pg_restore --exit-on-error -d \"$NEWDB\"   # .dump\n"
    "\n"
    "With files at hand the same is `zcat FILE`, `zstd -dc FILE` or `bzcat FILE` in front "
    "of psql or\n"
    "pg_restore. To restore without the original owners and rights, give\n"
    "pg_restore `--no-owner --no-privileges`. Afterwards:\n"
    "\n"
    "    vacuumdb --analyze-only -d \"$NEWDB\"\n"
    "\n"
    "The rows that the manifest counted, to compare: `jq '.tables[] | [.schema, .name, "
    ".rows]' manifest.json`\n";

/* For the one who does not read: a whole restore in one line. */
static void add_example(struct text *out, const struct readme_page_place *place)
{
    text_add(out,
             "\nIn one line, without any of the above, a whole gzip backup is\n\n    ");
    if (place->folder != NULL) {
        text_add(out, "zcat ");
        text_add_quoted(out, place->folder);
        text_add(out, "/data/SOURCE/DATABASE/YYYY/FILE.sql.gz");
    } else {
        struct text url;
        text_init(&url, CEILING);
        add_bucket_url(&url, place);
        text_add(&url, "data/SOURCE/DATABASE/YYYY/FILE.sql.gz");
        add_aws(out, place);
        text_add(out, " cp ");
        text_add_quoted(out, url.data);
        text_add(out, " - | gunzip");
        text_release(&url);
    }
    text_add(out, " | psql -X -v ON_ERROR_STOP=1 -d NEWDB\n");
}

/* In the order in which somebody does it: reach the store, find the backup, check it,
 * roles, database, restore. */
char *readme_page_text(const struct readme_page_place *place)
{
    struct text out;
    text_init(&out, CEILING);
    /* The same for all, but for how to reach the place. */
    text_add(&out, head);
    if (place->folder == NULL)
        text_add(&out, bucket_keys);
    if (place->folder != NULL)
        add_folder_setup(&out, place);
    else
        add_bucket_setup(&out, place);
    text_add(&out, find);
    text_add(&out, restore);
    add_example(&out, place);
    char *whole = text_take(&out);
    text_release(&out);
    return whole;
}
