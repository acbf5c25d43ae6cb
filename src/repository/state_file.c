/*
 * The state of an artifact in one store. Three groups change for different reasons on
 * different machines - a user pins, a cron job verifies, a prune marks - so each has a time
 * of its own and is merged by it; one time for the whole would let a verification undo a
 * pin that its machine had not seen.
 */
#include "repository/state_file.h"

#include "base/json.h"
#include "base/memory.h"

#define VERSION_KEY "pgkeep_state"

void state_file_init(struct state_file *state, const char *id)
{
    *state = (struct state_file){0};
    /* Everything else is as if nothing had ever happened. */
    snprintf(state->id, sizeof state->id, "%s", id);
}

void state_file_release(struct state_file *state)
{
    free(state->pin_reason);
    free(state->verified_error);
    free(state->accept_reason);
    *state = (struct state_file){0};
}

/* The copy's checks and the artifact's marks in one file: it lies in one store, beside one
 * copy. */
void state_file_from(const struct catalog_artifact *artifact,
                     const struct catalog_copy *copy, int64_t now, struct state_file *out)
{
    state_file_init(out, artifact->id);
    out->changed = now;
    out->pinned = artifact->pinned;
    out->pin_until = artifact->pin_until;
    out->pin_reason = memory_strdup(artifact->pin_reason);
    out->pin_changed = artifact->pin_changed;
    out->suspect = artifact->suspect;
    out->quarantined = artifact->quarantined;
    out->accepted = artifact->accepted;
    out->accept_reason = memory_strdup(artifact->accept_reason);
    if (copy == NULL)
        return;
    out->verified = copy->verified;
    out->verified_level = copy->verified_level;
    out->verified_error = memory_strdup(copy->verified_error);
    out->proven = copy->proven;
    out->proven_level = copy->proven_level;
    out->first_marked = copy->first_marked;
}

/* Replaces what the rows say: they are about to be made, or were merged before. */
void state_file_to(const struct state_file *state, struct catalog_artifact *artifact,
                   struct catalog_copy *copy)
{
    artifact->pinned = state->pinned;
    artifact->pin_until = state->pin_until;
    memory_replace(&artifact->pin_reason, state->pin_reason);
    artifact->pin_changed = state->pin_changed;
    artifact->suspect = state->suspect;
    artifact->quarantined = state->quarantined;
    artifact->accepted = state->accepted;
    memory_replace(&artifact->accept_reason, state->accept_reason);
    if (copy == NULL)
        return;
    copy->verified = state->verified;
    copy->verified_level = state->verified_level;
    memory_replace(&copy->verified_error, state->verified_error);
    copy->proven = state->proven;
    copy->proven_level = state->proven_level;
    copy->first_marked = state->first_marked;
}

/* ---- text ---- */

/* null where there never was a check. */
static json_t *level_value(enum catalog_level level)
{
    return json_string(catalog_level_name(level));
}

/* Indented and sorted by group: it is read by people, too, when nothing else is left. */
char *state_file_text(const struct state_file *state)
{
    json_t *object = json_object();
    json_set(object, VERSION_KEY, json_integer(STATE_FILE_VERSION));
    json_set(object, "id", json_string(state->id));
    json_set(object, "changed", json_time(state->changed));
    /* A group that nobody ever changed is left out, so that it cannot win a merge. */
    if (state->pin_changed != 0 || state->pinned) {
        /* One group, one time of its own: whoever changed it last is right about all of it */
        json_t *pin = json_object();
        json_set(pin, "pinned", json_boolean(state->pinned));
        json_set(pin, "until", json_time(state->pin_until));
        json_set(pin, "reason", json_bytes(state->pin_reason));
        json_set(pin, "changed", json_time(state->pin_changed));
        json_set(object, "pin", pin);
    }
    if (state->verified != 0 || state->proven != 0) {
        json_t *verified = json_object();
        json_set(verified, "time", json_time(state->verified));
        json_set(verified, "level", level_value(state->verified_level));
        json_set(verified, "error", json_bytes(state->verified_error));
        json_set(verified, "proven", json_time(state->proven));
        json_set(verified, "proven_level", level_value(state->proven_level));
        json_set(object, "verified", verified);
    }
    /* The marks share `changed`, so they always stand. */
    json_set(object, "suspect", json_boolean(state->suspect));
    json_set(object, "quarantined", json_boolean(state->quarantined));
    json_set(object, "first_marked", json_time(state->first_marked));
    /* Once said it is never taken back; most are never suspect in the first place. */
    if (state->accepted != 0) {
        json_t *accepted = json_object();
        json_set(accepted, "time", json_time(state->accepted));
        json_set(accepted, "reason", json_bytes(state->accept_reason));
        json_set(object, "accepted", accepted);
    }
    char *text = json_text(object, true);
    json_decref(object);
    char *lines = memory_format("%s\n", text);
    free(text);
    return lines;
}

/* ---- parse ---- */

/* A level of a later version cannot be ordered, so the file is damaged to us. */
static enum catalog_level read_level(struct json_reader *reader, const char *key)
{
    char *name = json_read_string(reader, key, true);
    enum catalog_level level = CATALOG_LEVEL_NONE;
    while (name != NULL && level <= CATALOG_DRILL &&
           strcmp(name, catalog_level_name(level)) != 0)
        level++;
    free(name);
    if (level > CATALOG_DRILL) {
        json_reader_fail(reader, key, "is no level");
        return CATALOG_LEVEL_NONE;
    }
    return level;
}

/* Strict about what is known: a pin that is misread is no pin. */
static void read_pin(struct json_reader *reader, struct state_file *out)
{
    struct json_reader pin;
    const json_t *object = json_read_object(reader, "pin", true);
    if (object == NULL)
        return;
    json_reader_init(&pin, object, "state file: pin", reader->err);
    out->pinned = json_read_bool(&pin, "pinned", false);
    out->pin_until = json_read_time(&pin, "until", true);
    out->pin_reason = json_read_bytes(&pin, "reason", true);
    out->pin_changed = json_read_time(&pin, "changed", false);
    /* Unknown keys pass: respecting a pin must not depend on the rest. */
    if (json_reader_finish(&pin, true) < 0)
        reader->failed = true;
}

/* Two times: when it was last looked at, and when it was last found good. */
static void read_verified(struct json_reader *reader, struct state_file *out)
{
    struct json_reader verified;
    const json_t *object = json_read_object(reader, "verified", true);
    if (object == NULL)
        return;
    json_reader_init(&verified, object, "state file: verified", reader->err);
    out->verified = json_read_time(&verified, "time", true);
    out->verified_level = read_level(&verified, "level");
    out->verified_error = json_read_bytes(&verified, "error", true);
    out->proven = json_read_time(&verified, "proven", true);
    out->proven_level = read_level(&verified, "proven_level");
    if (json_reader_finish(&verified, true) < 0)
        reader->failed = true;
}

static void read_accepted(struct json_reader *reader, struct state_file *out)
{
    struct json_reader accepted;
    const json_t *object = json_read_object(reader, "accepted", true);
    if (object == NULL)
        return;
    json_reader_init(&accepted, object, "state file: accepted", reader->err);
    out->accepted = json_read_time(&accepted, "time", false);
    out->accept_reason = json_read_bytes(&accepted, "reason", true);
    if (json_reader_finish(&accepted, true) < 0)
        reader->failed = true;
}

/* A missing group is as if nothing had ever happened. */
static int read_state(const json_t *object, const char *id, struct state_file *out,
                      struct err *err)
{
    struct json_reader reader;
    /* Lenient, unlike the manifest: it is written by whoever comes by, and read by all. */
    json_reader_init(&reader, object, "state file", err);
    (void)json_read_int(&reader, VERSION_KEY, STATE_FILE_VERSION, STATE_FILE_VERSION,
                        false);
    char *found = json_read_string(&reader, "id", false);
    if (found != NULL && (!ulid_is_valid(found) || (id != NULL && strcmp(found, id) != 0)))
        json_reader_fail(&reader, "id", "is that of another artifact");
    else if (found != NULL)
        memcpy(out->id, found, ULID_SIZE);
    free(found);
    out->changed = json_read_time(&reader, "changed", false);
    read_pin(&reader, out);
    read_verified(&reader, out);
    out->suspect = json_read_bool(&reader, "suspect", true);
    out->quarantined = json_read_bool(&reader, "quarantined", true);
    out->first_marked = json_read_time(&reader, "first_marked", true);
    read_accepted(&reader, out);
    return json_reader_finish(&reader, true);
}

/* Of another artifact it is damaged, whatever it says: somebody has renamed it. */
int state_file_parse(const void *data, size_t size, const char *id, struct state_file *out,
                     struct err *err)
{
    json_t *object = json_parse(data, size, err);
    if (object == NULL)
        return err_context(err, "state file");
    *out = (struct state_file){0};
    int result = read_state(object, id, out, err);
    json_decref(object);
    if (result < 0)
        state_file_release(out);
    return result;
}

/* ---- merge ---- */

/* On a tie a pin beats none, and a later end (0 is none at all) an earlier one. */
static bool pin_is_later(const struct state_file *a, const struct state_file *b)
{
    if (a->pin_changed != b->pin_changed)
        return a->pin_changed > b->pin_changed;
    if (a->pinned != b->pinned)
        return a->pinned;
    return b->pin_until != 0 && (a->pin_until == 0 || a->pin_until > b->pin_until);
}

/* By the time of the decision, not of the file: another group may have made the file newer */
static bool merge_pin(struct state_file *into, const struct state_file *from)
{
    if (!pin_is_later(from, into))
        return false;
    bool changed = into->pinned != from->pinned || into->pin_until != from->pin_until ||
                   into->pin_changed != from->pin_changed ||
                   !text_equal(into->pin_reason, from->pin_reason);
    into->pinned = from->pinned;
    into->pin_until = from->pin_until;
    into->pin_changed = from->pin_changed;
    memory_replace(&into->pin_reason, from->pin_reason);
    return changed;
}

/* A later good check does not undo a proof that its machine knew nothing of; a bad one
 * does. */
static bool merge_proof(struct state_file *into, int64_t proven, enum catalog_level level)
{
    if (into->verified_error != NULL || proven <= into->proven)
        return false;
    into->proven = proven;
    into->proven_level = level;
    return true;
}

/* The later check is right about how it is now; the later proof is right about how long it
 * was good. */
static bool merge_verified(struct state_file *into, const struct state_file *from)
{
    int64_t proven = into->proven;
    enum catalog_level level = into->proven_level;
    /* Our check is the later one: theirs may still have proven it later than ours did. */
    if (from->verified <= into->verified)
        return merge_proof(into, from->proven, from->proven_level);
    into->verified = from->verified;
    into->verified_level = from->verified_level;
    into->proven = from->proven;
    into->proven_level = from->proven_level;
    memory_replace(&into->verified_error, from->verified_error);
    /* And the other way round: their check, our proof. */
    (void)merge_proof(into, proven, level);
    return true;
}

/* One time for all of them: they are decided together, by a plan or by a person. */
static bool merge_marks(struct state_file *into, const struct state_file *from)
{
    /* Compared at the end: the same file twice must change nothing. */
    struct state_file before = *into;
    if (from->changed < into->changed)
        return false;
    /* Within one second both may have marked: then the careful answer of either holds. */
    bool tie = from->changed == into->changed;
    into->changed = from->changed;
    into->suspect = from->suspect || (tie && before.suspect);
    into->quarantined = from->quarantined || (tie && before.quarantined);
    into->first_marked = tie && before.first_marked > from->first_marked
                             ? before.first_marked
                             : from->first_marked;
    return into->changed != before.changed || into->suspect != before.suspect ||
           into->quarantined != before.quarantined ||
           into->first_marked != before.first_marked;
}

/* It is where normal begins anew for the group: the last word counts, whatever the marks say. */
static bool merge_accepted(struct state_file *into, const struct state_file *from)
{
    if (from->accepted <= into->accepted)
        return false;
    into->accepted = from->accepted;
    memory_replace(&into->accept_reason, from->accept_reason);
    return true;
}

/* Both ways round the same: two machines that merge each other's files come to the same
 * state. */
bool state_file_merge(struct state_file *into, const struct state_file *from)
{
    /* Each by itself, all of them always: no `||`, which would stop at the first. */
    bool pin = merge_pin(into, from);
    bool verified = merge_verified(into, from);
    bool marks = merge_marks(into, from);
    bool accepted = merge_accepted(into, from);
    return pin || verified || marks || accepted;
}
