#include "tests/support/store_seam.h"

#include "base/memory.h"
#include "s3/s3.h"

enum { PLACES = 8 };

static struct place {
    char *name;
    struct store *store;
    unsigned opened;
    struct err refused;
} places[PLACES];

/* The names are the linker's: --wrap. */
struct store *__real_store_open_dir(const char *name, const char *path, struct err *err);
struct store *__wrap_store_open_dir(const char *name, const char *path, struct err *err);
struct store *__real_store_open_s3(const char *name, const struct s3_config *config,
                                   struct err *err);
struct store *__wrap_store_open_s3(const char *name, const struct s3_config *config,
                                   struct err *err);

static struct place *find(const char *name)
{
    for (size_t i = 0; i < PLACES; i++) {
        if (places[i].name != NULL && strcmp(places[i].name, name) == 0)
            return &places[i];
    }
    return NULL;
}

static struct store *open_place(struct place *place, struct err *err)
{
    place->opened++;
    if (place->refused.kind != ERR_NONE) {
        *err = place->refused;
        return NULL;
    }
    return memory_store_share(place->store);
}

struct store *__wrap_store_open_dir(const char *name, const char *path, struct err *err)
{
    struct place *place = find(path);
    return place != NULL ? open_place(place, err) : __real_store_open_dir(name, path, err);
}

struct store *__wrap_store_open_s3(const char *name, const struct s3_config *config,
                                   struct err *err)
{
    struct place *place = find(config->bucket);
    return place != NULL ? open_place(place, err) : __real_store_open_s3(name, config, err);
}

struct store *store_seam_place(const char *name, const struct store_part_rules *rules)
{
    size_t i = 0;
    while (i < PLACES && places[i].name != NULL)
        i++;
    if (i == PLACES) {
        fprintf(stderr, "store_seam: no room for %s\n", name);
        abort();
    }
    const char *slash = strrchr(name, '/');
    places[i] = (struct place){.name = memory_strdup(name)};
    places[i].store = memory_store_new(slash != NULL ? slash + 1 : name, rules);
    memory_store_set_type(places[i].store, slash != NULL ? "dir" : "s3");
    return places[i].store;
}

struct store *store_seam_find(const char *name)
{
    const struct place *place = find(name);
    return place != NULL ? place->store : NULL;
}

unsigned store_seam_opened(const char *name)
{
    const struct place *place = find(name);
    return place != NULL ? place->opened : 0;
}

void store_seam_refuse(const char *name, enum err_kind kind, const char *text)
{
    struct place *place = find(name);
    err_clear(&place->refused);
    if (kind != ERR_NONE)
        err_set(&place->refused, kind, "%s", text);
}

void store_seam_end(void)
{
    for (size_t i = 0; i < PLACES; i++) {
        store_close(places[i].store);
        free(places[i].name);
        places[i] = (struct place){0};
    }
}
