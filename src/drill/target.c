/*
 * The order keeps the promise that nothing stays: known to the catalog, made, used, removed,
 * forgotten. A process that is killed anywhere between leaves a row that says where to look.
 */
#include "drill/target.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/ulid.h"
#include "catalog/db/scratches.h"
#include "postgres/conninfo.h"
#include "postgres/programs.h"
#include "postgres/scratch/cluster.h"
#include "postgres/scratch/database.h"

#include <sys/statvfs.h>

enum { SESSIONS = 16, MAJOR = 10000, MIB = 1024 * 1024 };

struct target {
    struct session *session;
    struct catalog_scratch scratch; /* texts are ours */
    struct cluster *cluster;        /* NULL: on a server */
    struct server *server;          /* connected elsewhere on it, to drop the database */
    bool made;                      /* the database is there */
    char *server_conninfo, *conninfo, *database;
};

/* ---- room ---- */

/* Rows take about their text's size and half of it again, indexes as much as that; and a log. */
static int check_room(const char *folder, uint64_t bytes, struct err *err)
{
    char *parent = memory_strndup(folder, (size_t)(strrchr(folder, '/') - folder));
    struct statvfs room;
    uint64_t needed = bytes * 2 + (uint64_t)256 * MIB;
    char need[32], have[32];
    int result = statvfs(parent, &room);
    uint64_t free_bytes = result == 0 ? (uint64_t)room.f_bavail * room.f_frsize : 0;
    if (result < 0) {
        err_errno(err, ERR_SYSTEM, "%s", parent);
    } else if (free_bytes < needed) {
        result = err_set(err, ERR_DATABASE, "the drill needs about %s in %s, which has %s",
                         text_size(need, needed), parent, text_size(have, free_bytes));
        err_hint(err, "set TMPDIR to where there is room, or drill on a server with --to");
    }
    free(parent);
    return result < 0 ? -1 : 0;
}

/* ---- a cluster ---- */

/* Best effort, one by one: what is missing makes the restore fail, with the server's words. */
static void add_globals(struct target *target, const struct target_spec *spec)
{
    const struct names *names = spec->names;
    for (size_t i = 0; i < names->roles.count; i++)
        database_add_role(target->server, names->roles.items[i]);
    for (size_t i = 0; i < names->tablespaces.count; i++) {
        struct err trouble = {0};
        char name[32];
        snprintf(name, sizeof name, "tablespace-%zu", i);
        char *folder = cluster_add_folder(target->cluster, name, &trouble);
        if (folder == NULL)
            log_warning("%s", trouble.text);
        else
            database_add_tablespace(target->server, names->tablespaces.items[i], folder);
        free(folder);
    }
}

static int open_cluster(struct target *target, const struct target_spec *spec,
                        struct err *err)
{
    const struct settings *settings = session_settings(spec->session);
    struct cluster_spec cluster = {.memory = spec->memory,
                                   .sessions = SESSIONS,
                                   .cancel = session_cancel(spec->session)};
    char *bin_dir = programs_find_server(settings->pg_bin_dir, spec->version, err);
    if (bin_dir == NULL)
        return -1;
    cluster.bin_dir = bin_dir;
    cluster.folder = target->scratch.place;
    log_debug("drill: a cluster in %s by %s", cluster.folder, bin_dir);
    target->cluster = cluster_start(&cluster, err);
    free(bin_dir);
    if (target->cluster == NULL)
        return -1;
    target->server_conninfo = cluster_conninfo(target->cluster, "postgres");
    return 0;
}

/* ---- both ---- */

static int check_version(const struct target *target, const struct target_spec *spec,
                         struct err *err)
{
    int has = server_version(target->server) / MAJOR, wants = spec->version / MAJOR;
    if (has >= wants)
        return 0;
    err_set(err, ERR_DATABASE, "the server is version %d, the backup is of version %d", has,
            wants);
    return err_hint(err, "a drill needs the same major version or a newer one");
}

/* With the source's locale; where a cluster's machine does not have it, with none: sorting is not
 * what is compared. */
static int make_database(struct target *target, const struct target_spec *spec,
                         struct err *err)
{
    struct server_properties own = *spec->properties; /* borrows */
    char owner[OWNER_SIZE];
    struct owner self;
    if (owner_self(&self, err) < 0)
        return -1;
    own.comment =
        memory_format(SCRATCH_COMMENT "%s, %s", spec->artifact, owner_text(owner, &self));
    if (target->cluster == NULL)
        own.owner = NULL;
    /* From here on it may be there. */
    target->made = true;
    int result = server_create_database(target->server, target->database, &own, err);
    if (result < 0 && target->cluster != NULL && err->kind == ERR_DATABASE) {
        log_warning("%.*s: it is made without the source's locale",
                    (int)strcspn(err->text, "\n"), err->text);
        char c[] = "C";
        own.collate = own.ctype = c;
        own.locale_provider = own.icu_locale = own.icu_rules = NULL;
        err_clear(err);
        result = server_create_database(target->server, target->database, &own, err);
    }
    if (result == 0)
        result = server_apply_settings(target->server, target->database, &own, err);
    free(own.comment);
    return result;
}

/* A dump of a part does not make the schemas it lies in. */
static int make_schemas(struct target *target, const struct target_spec *spec,
                        struct err *err)
{
    if (spec->names->schemas.count == 0)
        return 0;
    struct server *server =
        server_connect(target->conninfo, NULL, session_cancel(spec->session), err);
    for (size_t i = 0; server != NULL && i < spec->names->schemas.count; i++)
        database_add_schema(server, spec->names->schemas.items[i]);
    server_free(server);
    return server != NULL ? 0 : -1;
}

/* Where it will be, before it is. */
static int choose_place(struct target *target, const struct target_spec *spec,
                        struct err *err)
{
    unsigned char random[8];
    struct text name;
    text_init(&name, 64);
    ulid_random(random, sizeof random);
    text_add(&name, SCRATCH_PREFIX);
    text_add_hex(&name, random, sizeof random);
    target->database = text_finish(&name);
    target->scratch.kind =
        spec->to != NULL ? CATALOG_SCRATCH_DATABASE : CATALOG_SCRATCH_CLUSTER;
    target->scratch.name = memory_strdup(spec->to != NULL ? target->database : "");
    target->scratch.place =
        spec->to != NULL ? conninfo_public(spec->to, err) : cluster_folder(err);
    if (target->scratch.place == NULL)
        return -1;
    if (spec->to == NULL && check_room(target->scratch.place, spec->bytes, err) < 0)
        return -1;
    return catalog_scratch_add(session_catalog(spec->session), &target->scratch, err);
}

static int open_target(struct target *target, const struct target_spec *spec,
                       struct err *err)
{
    const struct cancel *cancel = session_cancel(spec->session);
    if (choose_place(target, spec, err) < 0)
        return -1;
    if (spec->to != NULL)
        target->server_conninfo = memory_strdup(spec->to);
    else if (open_cluster(target, spec, err) < 0)
        return -1;
    target->conninfo =
        conninfo_with_database(target->server_conninfo, target->database, err);
    if (target->conninfo != NULL)
        target->server = server_connect_any(target->server_conninfo, cancel, err);
    if (target->server == NULL || check_version(target, spec, err) < 0)
        return -1;
    if (target->cluster != NULL)
        add_globals(target, spec);
    return make_database(target, spec, err) < 0 ? -1 : make_schemas(target, spec, err);
}

struct target *target_open(const struct target_spec *spec, struct err *err)
{
    struct target *target = memory_zalloc(sizeof *target);
    target->session = spec->session;
    if (open_target(target, spec, err) == 0)
        return target;
    target_close(target);
    return NULL;
}

const char *target_conninfo(const struct target *target)
{
    return target->conninfo;
}

const char *target_database(const struct target *target)
{
    return target->database;
}

bool target_is_cluster(const struct target *target)
{
    return target->cluster != NULL;
}

int target_version(const struct target *target)
{
    return server_version(target->server);
}

/* ---- the end ---- */

static void wipe(char *conninfo)
{
    if (conninfo != NULL)
        memory_wipe(conninfo, strlen(conninfo));
    free(conninfo);
}

void target_close(struct target *target)
{
    struct err trouble = {0};
    int result = 0;
    if (target == NULL)
        return;
    bool cluster = target->scratch.kind == CATALOG_SCRATCH_CLUSTER;
    /* Also when all is being ended: the session is there and has a moment (server_query.c). */
    if (!cluster && target->made && target->server != NULL)
        result = database_drop(target->server, target->server_conninfo, target->database,
                               &trouble);
    server_free(target->server);
    cluster_stop(target->cluster);
    if (cluster && target->scratch.id != 0)
        result = cluster_remove(target->scratch.place, &trouble);
    if (result == 0 && target->scratch.id != 0)
        result = catalog_scratch_forget(session_catalog(target->session),
                                        target->scratch.id, &trouble);
    if (result < 0)
        log_warning("%.*s (`pgkeep sweep` removes it)", (int)strcspn(trouble.text, "\n"),
                    trouble.text);
    free(target->scratch.place);
    free(target->scratch.name);
    free(target->database);
    wipe(target->conninfo);
    wipe(target->server_conninfo);
    free(target);
}

/* ---- after a crash ---- */

/* The catalog keeps no password: the configuration may have it, by the same public text. */
static char *conninfo_of(struct session *session, const char *place)
{
    const struct settings *settings = session_settings(session);
    for (size_t i = 0; i < settings->job_count; i++) {
        struct err ignored = {0};
        const char *to = settings->jobs[i].drill_to.text;
        char *public = to != NULL ? conninfo_public(to, &ignored) : NULL;
        bool same = public != NULL && strcmp(public, place) == 0;
        free(public);
        if (same)
            return memory_strdup(to);
    }
    return memory_strdup(place);
}

static int remove_one(struct session *session, const struct catalog_scratch *scratch,
                      struct err *err)
{
    if (scratch->kind == CATALOG_SCRATCH_CLUSTER)
        return cluster_remove(scratch->place, err);
    char *conninfo = conninfo_of(session, scratch->place);
    struct server *server = server_connect_any(conninfo, session_cancel(session), err);
    int result = server == NULL ? -1 : database_drop(server, conninfo, scratch->name, err);
    wipe(conninfo);
    server_free(server);
    return result;
}

int target_sweep(struct session *session, struct target_counts *counts, struct err *err)
{
    struct catalog_scratches all = {0};
    struct catalog *catalog = session_catalog(session);
    int result = catalog_scratches_list(catalog, &all, err);
    for (size_t i = 0; result == 0 && i < all.count; i++) {
        struct err why = {0};
        if (owner_text_state(all.items[i].owner) != OWNER_DEAD) {
            counts->left++;
        } else if (remove_one(session, &all.items[i], &why) == 0) {
            result = catalog_scratch_forget(catalog, all.items[i].id, err);
            counts->removed++;
        } else if (why.kind == ERR_CANCELLED) {
            *err = why;
            result = -1;
        } else {
            log_warning("what a drill left: %s", why.text);
            counts->failed++;
        }
    }
    catalog_scratches_release(&all);
    return result;
}
