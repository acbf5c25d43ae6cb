/*
 * The plan in words (RETENTION section 7). Words only: each text is made from the bits that the
 * plan left, so that what is shown cannot differ from what was decided.
 */
#include "retention/explain.h"

#include "base/clock.h"

/* What a text about one copy is made from. */
struct subject {
    const struct retention_plan *plan;
    const struct retention_artifact *artifact;
    const struct retention_decision *decision;
    const struct retention_style *style;
};

static struct subject subject_of(const struct retention_plan *plan, size_t index,
                                 const struct retention_style *style)
{
    struct subject subject = {plan, &plan->artifacts[index], &plan->decisions[index],
                              style};
    return subject;
}

static bool has_reason(const struct subject *subject, unsigned reason)
{
    return (subject->decision->reasons & 1u << reason) != 0;
}

/* Whole, or as the caller shortens it. */
static void add_id(const struct subject *subject, const char *id, struct text *out)
{
    if (subject->style != NULL && subject->style->add_id != NULL)
        subject->style->add_id(subject->style->context, id, out);
    else
        text_add(out, id);
}

/* "2026-11-21 03:00", 16 characters; the header says in which zone. */
static void add_minute(int64_t time, struct text *out)
{
    char full[32];
    text_addf(out, "%.16s", clock_local(full, time));
}

static void add_date(int64_t time, struct text *out)
{
    char full[32];
    text_addf(out, "%.10s", clock_local(full, time));
}

/* A rule of step 2. Names are those of the keys behind "keep_" (section 9: "last i/n"). */
static void add_rule(const struct subject *subject, unsigned reason, struct text *out)
{
    const struct retention_policy *policy = subject->plan->policy;
    if (reason < RETENTION_BY_WITHIN) {
        text_addf(out, "%s %u/%lld", retention_policy_keys[reason].name + strlen("keep_"),
                  subject->decision->slot[reason], (long long)policy->keep[reason]);
    } else if (reason < RETENTION_BY_DAYS) {
        text_addf(out, "%s ", retention_policy_keys[reason].name + strlen("keep_"));
        retention_duration_text(policy->within[reason - RETENTION_BY_WITHIN], out);
    } else if (reason == RETENTION_BY_DAYS) {
        text_addf(out, "days %lld", (long long)policy->keep_days);
    } else {
        text_add(out, reason == RETENTION_BY_OLDEST ? "oldest" : "no rule is on");
    }
}

/* The reason of a pin is what a user typed: nothing of it may reach a terminal as a command. */
static void add_pin(const struct retention_artifact *artifact, struct text *out)
{
    text_add(out, "pinned");
    if (artifact->pin_reason != NULL && artifact->pin_reason[0] != '\0') {
        text_add(out, " \"");
        text_add_printable(out, artifact->pin_reason, strlen(artifact->pin_reason));
        text_add(out, "\"");
    }
    if (artifact->pin_until != 0) {
        text_add(out, " until ");
        add_date(artifact->pin_until, out);
    }
}

/* G7: another store's policy wants it, and its copy there is not complete. */
static void add_pending(const struct retention_artifact *artifact, struct text *out)
{
    text_add(out, "pending copy to ");
    for (size_t i = 0; artifact->pending[i] != NULL; i++) {
        text_add(out, i == 0 ? "" : ", ");
        text_add_printable(out, artifact->pending[i], strlen(artifact->pending[i]));
    }
}

/* Why it is ignored: its state, and of one that is locked until when. */
static void add_state(const struct retention_artifact *artifact, struct text *out)
{
    if (artifact->state != RETENTION_LOCKED) {
        text_add(out, retention_state_name(artifact->state));
    } else if (artifact->locked_until == 0) {
        text_add(out, "object lock: legal hold");
    } else {
        text_add(out, "object lock until ");
        add_date(artifact->locked_until, out);
    }
}

/* "no rule keeps it (week 2026-W45 is 01JC...Q7)": who has won the period it fell into. */
static void add_nothing(const struct subject *subject, struct text *out)
{
    const struct retention_decision *decision = subject->decision;
    text_add(out, "no rule keeps it");
    if (decision->winner == RETENTION_NOBODY)
        return;
    struct retention_calendar calendar;
    retention_calendar_init(&calendar, subject->plan->policy->zone);
    text_add(out, " (");
    retention_calendar_name(&calendar, (enum retention_period)decision->winner_period,
                            subject->artifact->time, out);
    text_add(out, " is ");
    add_id(subject, subject->plan->artifacts[decision->winner].id, out);
    text_add(out, ")");
}

/* "max_total_size (was: daily 3/7; weekly 1/4)": the rules that would have kept it. */
static void add_size(const struct subject *subject, struct text *out)
{
    const char *between = "max_total_size (was: ";
    for (unsigned rule = 0; rule <= RETENTION_BY_ALL; rule++) {
        if (!has_reason(subject, rule))
            continue;
        text_add(out, between);
        add_rule(subject, rule, out);
        between = "; ";
    }
    text_add(out, ")");
}

/* The words of one bit; section 7 has them all. */
static void add_reason(const struct subject *subject, unsigned reason, struct text *out)
{
    /* Those that are always the same. */
    static const char *const fixed[RETENTION_REASONS] = {
        [RETENTION_BY_UNKNOWN_TIME] = "quarantined: time unknown",
        [RETENTION_BY_MARK] = "quarantined: set aside earlier",
        [RETENTION_BY_VERIFIED] = "newest verified",
        [RETENTION_BY_SEQUENCE] = "newest by sequence"};
    const struct retention_artifact *artifact = subject->artifact;
    if (fixed[reason] != NULL)
        text_add(out, fixed[reason]);
    else if (reason <= RETENTION_BY_ALL)
        add_rule(subject, reason, out);
    else if (reason == RETENTION_BY_FUTURE) {
        text_add(out, "quarantined: dated ");
        add_minute(artifact->time, out);
        text_add(out, ", in the future");
    } else if (reason == RETENTION_BY_MIN_KEEP)
        text_addf(out, "min_keep %u/%lld", subject->decision->floor_slot,
                  (long long)subject->plan->policy->min_keep);
    else if (reason == RETENTION_BY_PIN)
        add_pin(artifact, out);
    else if (reason == RETENTION_BY_LEASE)
        text_addf(out, "leased%s%s", artifact->lease != NULL ? ": " : "",
                  artifact->lease != NULL ? artifact->lease : "");
    else if (reason == RETENTION_BY_PENDING)
        add_pending(artifact, out);
    else if (reason == RETENTION_BY_SIZE)
        add_size(subject, out);
    else if (reason == RETENTION_BY_NOTHING)
        add_nothing(subject, out);
    else
        add_state(artifact, out);
}

/* What the size cap took has its rules inside that reason. The floors would stand at nearly
 * every line of a short plan: they are named where they decide, which is where no rule keeps
 * it anyway. */
static bool is_named(const struct subject *subject, unsigned reason)
{
    if (!has_reason(subject, reason))
        return false;
    if (has_reason(subject, RETENTION_BY_SIZE))
        return reason == RETENTION_BY_SIZE;
    if (reason == RETENTION_BY_MIN_KEEP || reason == RETENTION_BY_SEQUENCE)
        return (subject->decision->reasons & ((1u << (RETENTION_BY_ALL + 1)) - 1)) == 0;
    return true;
}

/* Apart, for JSON: other programs look for single reasons. */
void retention_explain_list(const struct retention_plan *plan, size_t index,
                            const struct retention_style *style, struct strlist *out)
{
    struct subject subject = subject_of(plan, index, style);
    for (unsigned reason = 0; reason < RETENTION_REASONS; reason++) {
        if (!is_named(&subject, reason))
            continue;
        struct text text;
        text_init(&text, 64 * 1024);
        add_reason(&subject, reason, &text);
        strlist_add(out, text.data);
        text_release(&text);
    }
}

/* In one line, for people. */
void retention_explain_text(const struct retention_plan *plan, size_t index,
                            const struct retention_style *style, struct text *out)
{
    struct subject subject = subject_of(plan, index, style);
    const char *between = "";
    for (unsigned reason = 0; reason < RETENTION_REASONS; reason++) {
        if (!is_named(&subject, reason))
            continue;
        text_add(out, between);
        add_reason(&subject, reason, out);
        between = "; ";
    }
}

/* HELD: it goes, but delete_grace is not over. */
const char *retention_explain_verdict(const struct retention_plan *plan, size_t index)
{
    const struct retention_decision *decision = &plan->decisions[index];
    if (decision->verdict == RETENTION_KEEP)
        return "KEEP";
    if (decision->verdict == RETENTION_PRUNE)
        return decision->is_held ? "HELD" : "PRUNE";
    return plan->artifacts[index].state == RETENTION_LOCKED ? "LOCKED" : "IGNORE";
}

void retention_explain_header(const struct retention_plan *plan,
                              const struct retention_group *group, const char *store,
                              const char *policy_name, struct text *out)
{
    /* Which policy it is, so that a plan that was kept can be read without its configuration. */
    text_add(out, "group ");
    text_add_printable(out, group->name, strlen(group->name));
    text_addf(out, "  store %s  policy %s (", store, policy_name);
    retention_policy_text(plan->policy, out);
    if (!group->has_anchor) {
        /* A clock that was ahead asks for another remedy than a store that lost its copies. */
        bool dated = false;
        for (size_t i = group->first; i < group->first + group->count; i++)
            dated |= (plan->decisions[retention_plan_index(plan, i)].reasons &
                      RETENTION_QUARANTINE) != 0;
        text_add(out, dated ? ")  no anchor: all are from the future, or of no known time\n"
                            : ")  no anchor: no good copy\n");
        return;
    }
    /* What durations are measured from: whoever wonders why nothing ages out sees it here. */
    char anchor[32];
    clock_local(anchor, group->anchor);
    text_addf(out, ")  anchor %.16s%s\n", anchor, anchor + strlen("2026-11-21 03:00:00"));
}

/* Columns of fixed width but for the reasons, which come last. */
void retention_explain_row(const struct retention_plan *plan, size_t index,
                           const struct retention_style *style, struct text *out)
{
    struct subject subject = subject_of(plan, index, style);
    const struct retention_artifact *artifact = subject.artifact;
    text_addf(out, "%-6s  ", retention_explain_verdict(plan, index));
    add_id(&subject, artifact->id, out);
    text_add(out, "  ");
    /* As wide as a time, so that the columns behind it stand in line. */
    if (artifact->has_time)
        add_minute(artifact->time, out);
    else
        text_addf(out, "%-16s", "unknown");
    char size[32];
    text_addf(out, "  %9s  ", text_size(size, artifact->size));
    retention_explain_text(plan, index, style, out);
    text_add_char(out, '\n');
}

void retention_summary_add(struct retention_summary *summary,
                           const struct retention_plan *plan)
{
    for (size_t i = 0; i < plan->group_count; i++) {
        const struct retention_group *group = &plan->groups[i];
        summary->complete += group->complete;
        summary->kept += group->kept;
        summary->pruned += group->pruned - group->held;
        summary->held += group->held;
        summary->guards |= retention_guard_group(plan, group);
    }
    /* Not the groups' pruned_bytes: those of held ones stay for now. */
    for (size_t i = 0; i < plan->count; i++) {
        const struct retention_decision *decision = &plan->decisions[i];
        if (decision->verdict == RETENTION_PRUNE && !decision->is_held)
            summary->freed_bytes += plan->artifacts[i].size;
    }
}

void retention_explain_summary(const struct retention_summary *summary, const char *hash,
                               struct text *out)
{
    /* Of the complete ones: failed and damaged ones are no backups that could be missed. */
    char size[32];
    size_t percent = summary->complete == 0 ? 0 : 100 * summary->pruned / summary->complete;
    text_addf(out, "plan %s  keep %zu  prune %zu (%zu %%)", hash, summary->kept,
              summary->pruned, percent);
    if (summary->held > 0)
        text_addf(out, "  held %zu", summary->held);
    text_addf(out, "  frees %s  guards", text_size(size, summary->freed_bytes));
    /* Each guard that refuses, by the name under which --force-unsafe knows it. */
    if (summary->guards == 0)
        text_add(out, " ok");
    for (unsigned guard = 1; guard <= summary->guards; guard <<= 1) {
        if ((summary->guards & guard) != 0)
            text_addf(out, " %s", retention_guard_name((enum retention_guard)guard));
    }
    text_add_char(out, '\n');
}
