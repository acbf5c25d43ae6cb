/*
 * The plan for people; report/plan_json.c is the same for programs, from the same words.
 *
 * Group by group and store by store, as it was planned; then what was not looked at, what is
 * refused, and the sum with the hash. Without --explain only what goes, is held or is locked is
 * shown: what stays is the rest.
 */
#include "cmd/prune_text.h"

#include "cmd/cmd.h"
#include "cmd/output.h"
#include "report/artifact_name.h"
#include "report/plan_json.h"

/* Reasons quote what users wrote; a line is long, not endless. */
enum { LINE_CEILING = 1 << 16 };

/* For retention/explain.h, which knows no catalog. */
static void add_short(void *context, const char *id, struct text *out)
{
    char short_id[ULID_SIZE];
    text_add(out, cmd_short_id(context, id, short_id));
}

/* Group by group of one store, newest first; a header alone would say nothing. */
static void print_part(const struct prune *prune, const struct prune_part *part, bool all)
{
    /* Ids in their short form, as a person types them. */
    struct retention_style style = {add_short, prune->catalog};
    struct text header, line;
    text_init(&header, LINE_CEILING);
    text_init(&line, LINE_CEILING);
    for (size_t i = 0; i < part->plan->group_count; i++) {
        const struct retention_group *group = &part->plan->groups[i];
        text_clear(&header);
        retention_explain_header(part->plan, group, part->repository->name,
                                 part->policy->name, &header);
        bool any = false;
        for (size_t j = group->first; j < group->first + group->count; j++) {
            size_t index = retention_plan_index(part->plan, j);
            const char *verdict = retention_explain_verdict(part->plan, index);
            /* Without --explain what stays is left out: it is nearly everything. */
            if (!all && (strcmp(verdict, "KEEP") == 0 || strcmp(verdict, "IGNORE") == 0))
                continue;
            if (!any)
                output_text(header.data);
            any = true;
            text_clear(&line);
            retention_explain_row(part->plan, index, &style, &line);
            output_text(line.data);
        }
        /* A cap that cannot be met is worth a header though no copy goes. */
        if (group->over_cap && !any)
            output_text(header.data);
        if (group->over_cap)
            output_text(
                "        max_total_size cannot be reached: the rest is protected\n");
        if (any || group->over_cap)
            output_text("\n");
    }
    text_release(&header);
    text_release(&line);
}

/* The last line: what one confirms with --force-unsafe. */
static void print_summary(const struct prune *prune)
{
    struct retention_summary summary = plan_summary(prune);
    struct text line;
    text_init(&line, LINE_CEILING);
    retention_explain_summary(&summary, prune->hash, &line);
    output_text(line.data);
    /* Not of the plan: copies that failed or broke long ago go by another rule. */
    size_t due = prune_due_count(prune);
    char count[64];
    if (due > 0)
        output_linef("clears away %s", text_count(count, due, "failed or damaged copy",
                                                  "failed or damaged copies"));
    text_release(&line);
}

/* A line each, with the guard's name in words: what forces it comes with the error. */
static void print_refused(const struct prune *prune)
{
    struct text lines;
    text_init(&lines, LINE_CEILING);
    (void)prune_is_refused(prune, &lines);
    for (const char *line = lines.data; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        output_linef("REFUSED %.*s", (int)length, line);
        line += length + (line[length] == '\n');
    }
    text_release(&lines);
}

/* Nothing is ever removed of these by itself, which nobody may have thought of. */
static void print_left(const struct prune *prune)
{
    struct strlist told = {0};
    for (size_t i = 0; i < prune->rows.count; i++) {
        const char *job = prune->rows.items[i].job;
        const char *left = artifact_name_job_left(prune->settings, job);
        if (left == NULL || strlist_has(&told, job))
            continue;
        output_linef("job %s: %s (`pgkeep delete` removes what is not wanted)", job, left);
        strlist_add(&told, job);
    }
    strlist_release(&told);
}

/* From the details to the sum, so that a long plan ends with what matters most. */
void prune_text_print(const struct prune *prune, bool all)
{
    for (size_t i = 0; i < prune->part_count; i++)
        print_part(prune, &prune->parts[i], all);
    print_left(prune);
    /* Between the plan and its sum: what lies in these is in neither. */
    for (size_t i = 0; i < prune->stores.failure_count; i++) {
        const struct repository_failure *failure = &prune->stores.failures[i];
        output_linef("SKIPPED store %s: %.*s", failure->name,
                     (int)strcspn(failure->err.text, "\n"), failure->err.text);
    }
    print_refused(prune);
    print_summary(prune);
}
