/*
 * script - what a backup holds, read so that parts of it can be restored: the outline of its
 * text, and where its rows are.
 *
 *     script_read (plain) or script_read_archive (custom) -> selection_make -> carry_out
 *     -> script_release
 *
 * Of a plain backup everything but rows is fetched, by ranges, and the rows stay where they are
 * until they are wanted. Of a custom one pg_restore writes the text, first without rows and, when
 * it is carried out, once more with them: so both formats go through the same splitter and bring
 * the same.
 */
#ifndef PGKEEP_BACKUP_RESTORE_SCRIPT_H
#define PGKEEP_BACKUP_RESTORE_SCRIPT_H

#include "backup/restore/outline.h"
#include "backup/restore/selection.h"
#include "backup/restore/splitter.h"
#include "copy/chunk_reader.h"

struct script {
    struct outline outline;
    struct selection selection;
    struct chunk_reader *chunks; /* NULL: custom */
    /* custom: how to read it once more; borrowed */
    const struct copy_reader_spec *from;
    const char *pg_restore;
};

/* The copy_reader must outlive the script. */
int script_read(struct script *script, struct copy_reader *reader,
                struct err *err) MUST_USE;
int script_read_archive(struct script *script, const struct copy_reader_spec *from,
                        const char *pg_restore, struct err *err) MUST_USE;
/* The whole text of an archive through the splitter, on a thread of its own, which its sink is
 * called on. The meter (may be NULL) counts what is read. */
int script_pour_archive(const struct script *script, struct splitter *splitter,
                        bool schema_only, struct meter *meter, struct err *err) MUST_USE;
/* Raw bytes of the rows that its selection takes; 0 of an archive, which counts none. */
uint64_t script_chosen_bytes(const struct script *script);
void script_release(struct script *script); /* of a zeroed one, too */

#endif
