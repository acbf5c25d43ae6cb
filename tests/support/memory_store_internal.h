/*
 * memory_store_internal - what the files of memory_store share.
 *
 * A handle (struct memory_store, of one process) and what it stands for (struct vault, in
 * memory that forked processes share). Bytes are written one behind the other into the vault
 * and never given back: the kernel gives pages only where something was written.
 */
#ifndef PGKEEP_TESTS_MEMORY_STORE_INTERNAL_H
#define PGKEEP_TESTS_MEMORY_STORE_INTERNAL_H

#include "store/store_ops.h"
#include "tests/support/memory_store.h"

enum {
    MEMORY_OBJECTS = 512,
    MEMORY_UPLOADS = 64,
    MEMORY_PARTS = 512,
    MEMORY_KEY_SIZE = 512
};
#define MEMORY_VAULT_SIZE ((size_t)1 << 30)

struct memory_object {
    char key[MEMORY_KEY_SIZE]; /* "": free */
    uint64_t at, size;         /* its bytes */
    int64_t modified;
};

struct memory_unfinished {
    char key[MEMORY_KEY_SIZE], handle[MEMORY_KEY_SIZE]; /* handle "": free */
    uint64_t size;
    int64_t initiated;
};

/* What an upload was given, of the vault's bytes. */
struct memory_piece {
    struct memory_part part;
    uint64_t at;
    int upload; /* -1: of none any more */
};

struct memory_fault {
    unsigned left; /* steps until it fires; 0: none */
    char match[64];
    enum err_kind kind;
    bool did, once, deadly;
};

struct memory_hook {
    unsigned left; /* steps until it is called; 0: never */
    void (*then)(void *context);
    void *context;
};

struct memory_vault {
    struct memory_object objects[MEMORY_OBJECTS];
    struct memory_unfinished uploads[MEMORY_UPLOADS];
    struct memory_piece pieces[MEMORY_PARTS];
    size_t piece_count;
    struct memory_part parts[MEMORY_PARTS]; /* of all pieces, for memory_store_parts */
    struct memory_fault faults[MEMORY_STEPS];
    struct memory_hook hooks[MEMORY_STEPS];
    unsigned steps[MEMORY_STEPS];
    bool failed;
    char refused[64]; /* "": nothing is */
    struct store_removed refusal;
    unsigned handles; /* told so far */
    uint64_t used;
    unsigned char bytes[];
};

struct memory_store {
    struct store store;
    struct store_ops ops; /* with the type */
    struct store_part_rules rules;
    unsigned references;
    bool cleaning, has_clock;
    bool borrowed; /* the vault is another handle's (store_cleaner) */
    int64_t clock_offset;
    struct text view; /* of memory_store_bytes */
    struct memory_vault *vault;
};

struct memory_store *memory_of(struct store *store);
struct memory_vault *memory_vault(struct store *store);
bool memory_is_bucket(const struct store *store);
/* Ends the program: a test wants more than there is room for. */
void memory_full(const char *of_what);

/* A step as told: memory_step_begin before its effect, memory_step_end after it. */
struct memory_outcome {
    bool failed; /* err is filled */
    bool did;    /* the effect takes place */
    bool dies;   /* … and then the process ends */
};
struct memory_outcome memory_step_begin(struct store *store, enum memory_step step,
                                        const char *key, struct err *err);
int memory_step_end(struct memory_outcome outcome); /* 0 or -1 */

struct memory_object *memory_find(struct store *store, const char *key); /* or NULL */
/* The one of this key, new or not, as an empty one that begins where the next bytes go. */
struct memory_object *memory_set(struct store *store, const char *key);
/* Adds bytes; where they are. */
uint64_t memory_keep(struct memory_vault *vault, const void *data, size_t size);
/* The first key behind this one, as listings come; NULL: none. */
const struct memory_object *memory_next_object(struct store *store, const char *after);

/* memory_store_upload.c, for the table of operations. */
struct store_upload *memory_upload_begin(struct store *store,
                                         const struct store_upload_spec *spec,
                                         struct err *err);
struct store_upload *memory_upload_resume(struct store *store,
                                          const struct store_upload_spec *spec,
                                          const char *handle, struct store_resumed *at,
                                          struct err *err);
int memory_upload_part(struct store_upload *base, struct part *part, struct err *err);
int memory_upload_wait(struct store_upload *base, struct err *err);
int memory_upload_finish(struct store_upload *base, struct store_object *out,
                         struct err *err);
bool memory_upload_discard(struct store_upload *base);
int memory_list_pending(struct store *store, const char *prefix, store_each_pending each,
                        void *context, struct err *err);
int memory_abort_pending(struct store *store, const char *key, const char *handle,
                         struct err *err);

#endif
