/*
 * Each relation counts what it still waits for; whatever brings a count to nothing moves the
 * tasks that waited to the list of those that may begin. So a step costs the same for ten tables
 * and for a hundred thousand.
 */
#include "backup/restore/task_plan.h"

#include "backup/restore/carry.h"
#include "base/memory.h"

struct relation {
    size_t rows_left;    /* tasks */
    size_t builds_left;  /* indexes and keys of its own */
    size_t builds, keys; /* the first of their lists: tasks */
    unsigned shared;     /* tasks that work on it beside others */
    bool exclusive;      /* one works on it alone */
    bool plain;          /* a table that no rows reach by way of another one */
};

struct task_plan {
    const struct script *script;
    const struct ledger *ledger; /* NULL: nothing is done yet */
    struct task *tasks;
    size_t count, capacity;
    struct relation *relations;
    bool *taken;  /* of the outline's statements */
    size_t *rows; /* tasks of rows, in the order they are given out */
    size_t rows_count, rows_next;
    size_t *ready; /* other tasks that wait for nothing but locks */
    size_t ready_count, ready_capacity;
    size_t done;
};

bool task_sets_tablespace(const struct statement *statement)
{
    return text_starts_with(statement->text, "SET default_tablespace");
}

/* ---- keys as indexes ---- */

bool task_split_key(const struct statement *statement, char **index, char **constraint)
{
    struct sql_cursor cursor;
    struct sql_name table = {0};
    sql_cursor_init(&cursor, statement->text, statement->size);
    /* Read as pg_dump writes it; any other text is carried out as it stands. */
    bool fits = sql_keyword(&cursor, "ALTER") && sql_keyword(&cursor, "TABLE");
    (void)sql_keyword(&cursor, "ONLY");
    fits = fits && sql_name_read(&cursor, false, &table) && sql_keyword(&cursor, "ADD") &&
           sql_keyword(&cursor, "CONSTRAINT");
    char *name = fits ? sql_identifier(&cursor) : NULL;
    bool primary = name != NULL && sql_keyword(&cursor, "PRIMARY");
    fits = name != NULL && sql_keyword(&cursor, primary ? "KEY" : "UNIQUE");
    /* Columns, and nothing else between the brackets. */
    struct sql_token open = sql_peek(&cursor), token = open;
    fits = fits && sql_mark(&cursor, '(');
    while (fits && !sql_mark(&cursor, ')')) {
        token = sql_next(&cursor);
        fits = token.kind == SQL_QUOTED || (token.kind == SQL_MARK && *token.at == ',') ||
               (token.kind == SQL_WORD && !sql_token_is(&token, "WITHOUT"));
    }
    /* What is between the brackets goes into the index, what is behind them to the
     * constraint. */
    const char *rest = cursor.at;
    /* Behind them at most whether it is deferrable: that is the constraint's, not the index's. */
    const char *end = rest;
    while (fits && !sql_mark(&cursor, ';')) {
        token = sql_next(&cursor);
        fits = sql_token_is(&token, "DEFERRABLE") || sql_token_is(&token, "INITIALLY") ||
               sql_token_is(&token, "DEFERRED");
        end = cursor.at;
    }
    if (fits) {
        char *quoted = sql_name_text(NULL, name);
        char *whole = sql_name_text(table.schema, table.name);
        /* The index gets the constraint's name, as it would have it; both keep it. */
        *index = memory_format("CREATE UNIQUE INDEX %s ON %s %.*s", quoted, whole,
                               (int)(rest - open.at), open.at);
        *constraint = memory_format(
            "ALTER TABLE ONLY %s ADD CONSTRAINT %s %s USING INDEX %s%.*s", whole, quoted,
            primary ? "PRIMARY KEY" : "UNIQUE", quoted, (int)(end - rest), rest);
        free(whole);
        free(quoted);
    }
    free(name);
    sql_name_release(&table);
    return fits;
}

bool task_split_foreign(const struct statement *statement, char **added, char **proved)
{
    struct sql_cursor cursor;
    struct sql_name table = {0};
    sql_cursor_init(&cursor, statement->text, statement->size);
    bool fits = sql_keyword(&cursor, "ALTER") && sql_keyword(&cursor, "TABLE");
    bool only = sql_keyword(&cursor, "ONLY");
    fits = fits && sql_name_read(&cursor, false, &table) && sql_keyword(&cursor, "ADD") &&
           sql_keyword(&cursor, "CONSTRAINT");
    char *name = fits ? sql_identifier(&cursor) : NULL;
    fits = name != NULL && sql_keyword(&cursor, "FOREIGN") && sql_keyword(&cursor, "KEY");
    /* To its end, which must be the statement's: NOT VALID goes in front of that. */
    const char *end = cursor.at;
    while (fits && !sql_mark(&cursor, ';')) {
        struct sql_token token = sql_next(&cursor);
        end = cursor.at;
        fits = token.kind != SQL_END && !sql_token_is(&token, "NOT");
    }
    if (fits) {
        char *quoted = sql_name_text(NULL, name);
        char *whole = sql_name_text(table.schema, table.name);
        *added =
            memory_format("%.*s NOT VALID", (int)(end - statement->text), statement->text);
        *proved = memory_format("ALTER TABLE %s%s VALIDATE CONSTRAINT %s",
                                only ? "ONLY " : "", whole, quoted);
        free(whole);
        free(quoted);
    }
    free(name);
    sql_name_release(&table);
    return fits;
}

/* ---- building it ---- */

static size_t add_task(struct task_plan *plan, const struct task *task)
{
    struct task *added =
        memory_append(&plan->tasks, &plan->count, &plan->capacity, sizeof *plan->tasks);
    *added = *task;
    return plan->count - 1;
}

static void add_rows(struct task_plan *plan, const struct outline_rows *rows,
                     uint64_t piece_size)
{
    for (size_t done = 0; done < rows->chunks;) {
        /* Pieces end where a row ends, so that each is a COPY of its own. */
        size_t first = rows->first_chunk + done, left = 0;
        while (done + left < rows->chunks &&
               !ledger_has(plan->ledger, LEDGER_ROWS, first + left))
            left++;
        /* An earlier restore brought this one, in a piece that may have been another. */
        if (left == 0) {
            done++;
            continue;
        }
        size_t piece = carry_piece(plan->script, first, left, piece_size);
        struct task task = {.first = first,
                            .chunks = piece,
                            .setting = TASK_NONE,
                            .relations = {rows->relation, TASK_NONE},
                            .follow = TASK_NONE};
        size_t at = add_task(plan, &task);
        plan->rows[plan->rows_count++] = at;
        plan->relations[rows->relation].rows_left++;
        done += piece;
    }
}

/* Tables of which it is certain which rows they get: not those that the dump loads through a
 * root, nor roots, nor anything that is no table. */
static void find_plain(struct task_plan *plan)
{
    const struct outline *outline = &plan->script->outline;
    /* Roots have partitions; loaded are those that get rows under their own name. */
    bool *root = memory_array(outline->relation_count + 1, sizeof *root);
    bool *loaded = memory_array(outline->relation_count + 1, sizeof *loaded);
    for (size_t i = 0; i < outline->relation_count; i++)
        if (outline->relations[i].parent != OUTLINE_NONE)
            root[outline->relations[i].parent] = true;
    for (size_t i = 0; i < outline->rows_count; i++)
        loaded[outline->rows[i].relation] = true;
    for (size_t i = 0; i < outline->relation_count; i++) {
        bool plain = strcmp(outline->relations[i].type, "table") == 0 && !root[i];
        /* Rows that go in through a root end in any leaf below it. */
        for (size_t up = outline->relations[i].parent; up != OUTLINE_NONE;
             up = outline->relations[up].parent)
            plain = plain && !loaded[up];
        plan->relations[i].plain = plain;
    }
    free(root);
    free(loaded);
}

/* Does it name something that the dump makes only behind the data? */
static bool needs_later(const struct sql_map *later, const struct statement *statement)
{
    for (size_t i = 0; i < statement->ref_count; i++)
        if (sql_map_find(later, statement->refs[i].schema, statement->refs[i].name) != NULL)
            return true;
    return false;
}

static void push_front(struct task_plan *plan, size_t *list, size_t task, unsigned which)
{
    plan->tasks[task].next[which] = *list;
    *list = task;
}

static void add_build(struct task_plan *plan, size_t number, size_t setting)
{
    const struct outline *outline = &plan->script->outline;
    const struct statement *statement = &outline->items[number];
    /* A table's own: its list is walked once, when its rows are in. */
    size_t at = outline_relation_of(outline, statement);
    struct task task = {.statement = statement,
                        .setting = setting,
                        .relations = {at, TASK_NONE},
                        .exclusive = strcmp(statement->type, "index") != 0,
                        .follow = TASK_NONE};
    char *index, *constraint;
    /* Two tasks instead of one: the index beside others, then the constraint in no time. */
    if (task.exclusive && task_split_key(statement, &index, &constraint)) {
        if (ledger_has(plan->ledger, LEDGER_HALF, number)) {
            free(index);
            task.sql = constraint;
        } else {
            struct task second = task;
            second.sql = constraint;
            task.follow = add_task(plan, &second);
            task.sql = index;
            task.half = true;
            task.exclusive = false;
        }
    }
    size_t first = add_task(plan, &task);
    push_front(plan, &plan->relations[at].builds, first, 0);
    plan->relations[at].builds_left++;
    plan->taken[number] = true;
}

static void add_key(struct task_plan *plan, size_t number)
{
    const struct outline *outline = &plan->script->outline;
    const struct statement *statement = &outline->items[number];
    /* It waits for both of its tables, or for the one that it refers to itself. */
    size_t from = outline_relation_of(outline, statement);
    size_t to = outline_relation(outline, &statement->other);
    struct task task = {.statement = statement,
                        .setting = TASK_NONE,
                        .relations = {from, to != from ? to : TASK_NONE},
                        .exclusive = true,
                        .waits = to != from ? 2 : 1,
                        .follow = TASK_NONE};
    char *added, *proved;
    if (task_split_foreign(statement, &added, &proved)) {
        struct task second = task;
        second.sql = proved;
        /* The table it refers to may be read, written and indexed meanwhile. */
        second.relations[1] = TASK_NONE;
        if (ledger_has(plan->ledger, LEDGER_HALF, number)) {
            free(added);
            task.sql = proved;
        } else {
            task.follow = add_task(plan, &second);
            task.sql = added;
            task.half = true;
        }
    }
    size_t at = add_task(plan, &task);
    push_front(plan, &plan->relations[from].keys, at, 0);
    if (to != from)
        push_front(plan, &plan->relations[to].keys, at, 1);
    plan->taken[number] = true;
}

/* Which statements behind the data become tasks. */
static void add_statements(struct task_plan *plan)
{
    const struct outline *outline = &plan->script->outline;
    const bool *chosen = plan->script->selection.statements;
    size_t setting = TASK_NONE;
    struct sql_map later = {0};
    for (size_t i = 0; i < outline->count; i++)
        if (outline->items[i].section == SECTION_POST_DATA &&
            outline->items[i].action == STATEMENT_CREATE &&
            outline->items[i].of.name != NULL)
            (void)sql_map_add(&later, outline->items[i].of.schema,
                              outline->items[i].of.name, i);
    for (size_t i = 0; i < outline->count; i++) {
        const struct statement *statement = &outline->items[i];
        /* Holds for what follows, until the next one. */
        if (task_sets_tablespace(statement))
            setting = i;
        if (statement->section != SECTION_POST_DATA || !chosen[i] ||
            ledger_has(plan->ledger, LEDGER_STATEMENT, i) ||
            statement->subject != STATEMENT_OF_RELATION || needs_later(&later, statement))
            continue;
        size_t of = outline_relation_of(outline, statement);
        /* In the order of the dump, by one session, with all that is not understood. */
        if (of == OUTLINE_NONE || !plan->relations[of].plain)
            continue;
        if (strcmp(statement->type, "index") == 0 ||
            strcmp(statement->type, "constraint") == 0) {
            add_build(plan, i, setting);
        } else if (statement->action == STATEMENT_FOREIGN_KEY) {
            size_t to = outline_relation(outline, &statement->other);
            if (to != OUTLINE_NONE && plan->relations[to].plain)
                add_key(plan, i);
        }
    }
    sql_map_release(&later);
}

/* ---- giving out ---- */

static void make_ready(struct task_plan *plan, size_t task)
{
    size_t *added = memory_append(&plan->ready, &plan->ready_count, &plan->ready_capacity,
                                  sizeof *plan->ready);
    *added = task;
}

/* Rows and indexes of it are there: keys that wait for it may go on. */
static void on_finished(struct task_plan *plan, size_t relation)
{
    for (size_t at = plan->relations[relation].keys; at != TASK_NONE;) {
        /* In which of its two lists this is: its own table's, or that it refers to. */
        struct task *task = &plan->tasks[at];
        size_t following = task->next[task->relations[0] == relation ? 0 : 1];
        if (--task->waits == 0)
            make_ready(plan, at);
        at = following;
    }
}

static void on_loaded(struct task_plan *plan, size_t relation)
{
    const struct relation *loaded = &plan->relations[relation];
    for (size_t at = loaded->builds; at != TASK_NONE; at = plan->tasks[at].next[0])
        make_ready(plan, at);
    /* A table without any index is finished with its rows. */
    if (loaded->builds_left == 0)
        on_finished(plan, relation);
}

struct sized {
    size_t rows, relation;
    uint64_t bytes; /* of the whole table, whose rows may lie in several places */
};

static int by_size(const void *a, const void *b)
{
    const struct sized *left = a, *right = b;
    if (left->bytes != right->bytes)
        return left->bytes < right->bytes ? 1 : -1;
    if (left->relation != right->relation)
        return left->relation < right->relation ? -1 : 1;
    return left->rows < right->rows ? -1 : 1;
}

struct task_plan *task_plan_new(const struct script *script, const struct ledger *ledger,
                                uint64_t piece_size)
{
    const struct outline *outline = &script->outline;
    struct task_plan *plan = memory_zalloc(sizeof *plan);
    size_t chunks = 0;
    plan->script = script;
    plan->ledger = ledger;
    plan->relations = memory_array(outline->relation_count + 1, sizeof *plan->relations);
    plan->taken = memory_array(outline->count + 1, sizeof *plan->taken);
    for (size_t i = 0; i < outline->relation_count; i++)
        plan->relations[i].builds = plan->relations[i].keys = TASK_NONE;
    /* Before any statement is looked at: only plain tables get tasks. */
    find_plain(plan);

    /* The largest first: what comes last shall be small, so that all end together. */
    struct sized *sizes = memory_array(outline->rows_count + 1, sizeof *sizes);
    uint64_t *totals = memory_array(outline->relation_count + 1, sizeof *totals);
    size_t count = 0;
    for (size_t i = 0; i < outline->rows_count; i++) {
        chunks += outline->rows[i].chunks;
        totals[outline->rows[i].relation] += outline->rows[i].raw_bytes;
    }
    for (size_t i = 0; i < outline->rows_count; i++) {
        size_t relation = outline->rows[i].relation;
        if (script->selection.rows[i])
            sizes[count++] = (struct sized){i, relation, totals[relation]};
    }
    free(totals);
    qsort(sizes, count, sizeof *sizes, by_size);
    plan->rows = memory_array(chunks + 1, sizeof *plan->rows);
    for (size_t i = 0; i < count; i++)
        add_rows(plan, &outline->rows[sizes[i].rows], piece_size);
    free(sizes);
    /* Behind the rows: a task of rows is known by its place in the list. */
    add_statements(plan);
    for (size_t i = 0; i < outline->relation_count; i++)
        if (plan->relations[i].rows_left == 0)
            on_loaded(plan, i);
    return plan;
}

bool task_plan_has(const struct task_plan *plan, size_t statement)
{
    return plan->taken[statement];
}

static bool may_begin(const struct task_plan *plan, const struct task *task)
{
    for (unsigned i = 0; i < 2; i++) {
        if (task->relations[i] == TASK_NONE)
            continue;
        const struct relation *relation = &plan->relations[task->relations[i]];
        /* What the server's locks would make wait, is not begun: a session would sit
         * there idle. */
        if (relation->exclusive || (task->exclusive && relation->shared > 0))
            return false;
    }
    return true;
}

static void hold(struct task_plan *plan, const struct task *task, bool held)
{
    for (unsigned i = 0; i < 2; i++) {
        if (task->relations[i] == TASK_NONE)
            continue;
        struct relation *relation = &plan->relations[task->relations[i]];
        if (task->exclusive)
            relation->exclusive = held;
        else
            relation->shared += held ? 1u : -1u;
    }
}

const struct task *task_plan_next(struct task_plan *plan)
{
    /* What is ready is worth more than rows: it overlaps with rows that others load. */
    for (size_t i = 0; i < plan->ready_count; i++) {
        const struct task *task = &plan->tasks[plan->ready[i]];
        if (!may_begin(plan, task))
            continue;
        /* Order is kept: what became ready first was loaded first. */
        memmove(&plan->ready[i], &plan->ready[i + 1],
                (--plan->ready_count - i) * sizeof *plan->ready);
        hold(plan, task, true);
        return task;
    }
    /* All rows are given out; what is left waits for those that are under way. */
    if (plan->rows_next == plan->rows_count)
        return NULL;
    return &plan->tasks[plan->rows[plan->rows_next++]];
}

void task_plan_done(struct task_plan *plan, const struct task *task)
{
    struct relation *relation = &plan->relations[task->relations[0]];
    plan->done++;
    if (task->statement == NULL) {
        if (--relation->rows_left == 0)
            on_loaded(plan, task->relations[0]);
        return;
    }
    /* Its locks are gone with its transaction; rows hold none that others would wait for. */
    hold(plan, task, false);
    if (task->follow != TASK_NONE)
        make_ready(plan, task->follow);
    else if (task->statement->action != STATEMENT_FOREIGN_KEY &&
             --relation->builds_left == 0)
        on_finished(plan, task->relations[0]);
}

bool task_plan_finished(const struct task_plan *plan)
{
    return plan->done == plan->count;
}

void task_plan_free(struct task_plan *plan)
{
    if (plan == NULL)
        return;
    for (size_t i = 0; i < plan->count; i++)
        free(plan->tasks[i].sql);
    free(plan->tasks);
    free(plan->relations);
    free(plan->taken);
    free(plan->rows);
    free(plan->ready);
    free(plan);
}
