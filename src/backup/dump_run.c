/*
 * Everybody who writes is asked at the end. Nobody is asked before the end of what he writes:
 * one that still has something to say to nobody would be waited for for ever.
 */
#include "backup/dump_run.h"

#include "backup/parallel_dump.h"
#include "base/clock.h"
#include "base/memory.h"

#include <unistd.h>

enum { THREADS_MAX = 4 };
/* pg_dump's limit beside workers, see start_dump. */
enum { LOCK_WAIT_MS = 5000 };
/* Chunks that stay in a core's cache cost less processor time and memory, but four times the
 * index, whose ceiling (stream/index.c) a dump must never reach, also one ten times as large as
 * its database: so not for large ones, nor where that is not known. */
enum { SMALL_CHUNK = 1 << 20 };
#define SMALL_CHUNKS_UP_TO (UINT64_C(256) << 30)

struct dump_run {
    struct dump_run_spec spec;
    struct parallel_dump *parallel; /* NULL: pg_dump alone */
    struct dump *dump;
    struct dump_check *check; /* custom format only */
    struct stream_spec stream_spec;
    struct stream *stream;
};

/* The raw bytes of a custom archive also go through pg_restore, which walks it to its end. */
static int check_raw(void *context, const void *data, size_t size, struct err *err)
{
    const struct dump_run *run = context;
    return dump_check_write(run->check, data, size, err);
}

/* Workers first: pg_dump is told their snapshot, and which tables are theirs. */
static int start_parallel(struct dump_run *run, enum dump_format format, struct err *err)
{
    const struct backup_artifact *backup = run->spec.backup;
    const struct source_settings *source = backup->source;
    struct parallel_spec spec = {
        .session =
            {
                .conninfo = backup->conninfo,
                .database = backup->database,
                .encoding = source->encoding,
                .lock_wait_timeout_ms = source->lock_wait_timeout_s * 1000,
                .stall_timeout_ms = source->stall_timeout_s * 1000,
                .cancel = session_cancel(backup->session),
            },
        .filters = settings_filters(source),
        .connections = backup->job->parallel,
    };
    /* The rows of a dump of data alone stand in the order of foreign keys, which only pg_dump
     * knows. */
    if (run->spec.alone || format != DUMP_PLAIN || backup->type != DUMP_FULL)
        return 0;
    return parallel_dump_begin(&spec, &run->parallel, err);
}

static int start_dump(struct dump_run *run, struct err *err)
{
    const struct backup_artifact *backup = run->spec.backup;
    const struct source_settings *source = backup->source;
    const struct programs *programs = backup->programs;
    bool globals = backup->type == DUMP_GLOBALS;
    struct dump_spec dump = {.conninfo = backup->conninfo,
                             .database = globals ? NULL : backup->database,
                             .type = backup->type,
                             .filters = globals ? NULL : settings_filters(source),
                             .encoding = source->encoding,
                             .no_role_passwords = source->no_role_passwords,
                             .lock_wait_timeout_ms = source->lock_wait_timeout_s * 1000,
                             .program = globals ? programs->pg_dumpall : programs->pg_dump,
                             .cancel = session_cancel(backup->session)};
    if (!dump_format_from_name(run->spec.format, &dump.format))
        return err_set(err, ERR_USAGE, "no such format: %s", run->spec.format);
    if (start_parallel(run, dump.format, err) < 0)
        return -1;
    if (run->parallel != NULL) {
        dump.snapshot = parallel_dump_snapshot(run->parallel);
        dump.encoding = parallel_dump_encoding(run->parallel);
        dump.elsewhere = parallel_dump_patterns(run->parallel);
        /* The leader has waited for the tables; now somebody who wants one exclusively may wait
         * for the leader, and pg_dump behind him. Nobody's deadlock detection sees such a ring,
         * as the leader waits for pg_dump outside of the server: so not for long, and never
         * for ever. The next try is alone and has all the time that the user gives. */
        if (dump.lock_wait_timeout_ms == 0 || dump.lock_wait_timeout_ms > LOCK_WAIT_MS)
            dump.lock_wait_timeout_ms = LOCK_WAIT_MS;
    }
    /* The checker first: the dump holds locks from its first moment on. */
    if (dump.format == DUMP_CUSTOM) {
        run->check = dump_check_start(programs->pg_restore, err);
        if (run->check == NULL)
            return -1;
    }
    run->dump = dump_start(&dump, err);
    return run->dump ? 0 : -1;
}

/* 0: the stream's own choice. Archives have no rows to cut at; from zstd:2 on a match may lie so
 * far back that small chunks cost 1.7 % of the size (tests/bench/README.md). */
static size_t choose_chunk_size(const struct dump_run *run)
{
    const struct codec_choice *codec = &run->spec.backup->job->codec;
    uint64_t estimate = run->spec.meter->estimate;
    bool near =
        codec->kind == CODEC_GZIP || (codec->kind == CODEC_ZSTD && codec->level < 2);
    bool small = estimate > 0 && estimate <= SMALL_CHUNKS_UP_TO;
    return near && small && run->check == NULL ? SMALL_CHUNK : 0;
}

static int start_stream(struct dump_run *run, struct err *err)
{
    const struct backup_artifact *backup = run->spec.backup;
    const struct job_settings *job = backup->job;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct stream_spec *spec = &run->stream_spec;
    *spec = (struct stream_spec){.fd = dump_fd(run->dump),
                                 .format = run->check ? STREAM_CUSTOM : STREAM_PLAIN,
                                 .codec = job->codec,
                                 .chunk_size = choose_chunk_size(run),
                                 .stall_timeout_ms = backup->source->stall_timeout_s * 1000,
                                 .sink = run->spec.sink,
                                 .meter = run->spec.meter,
                                 .cancel = session_cancel(backup->session)};
    /* Unasked, a backup does not take all of a large machine: pg_dump and the server may
     * share it. */
    if (job->threads > 0)
        spec->threads = (unsigned)job->threads;
    else
        spec->threads = cores < 1 ? 1 : cores > THREADS_MAX ? THREADS_MAX : (unsigned)cores;
    if (run->check)
        spec->raw = (struct stream_sink){.write = check_raw, .context = run};
    if (run->parallel)
        spec->sources = parallel_dump_sources(run->parallel, &spec->source_count);
    run->stream = stream_new(spec, err);
    return run->stream ? 0 : -1;
}

struct dump_run *dump_run_start(const struct dump_run_spec *spec, int64_t *time,
                                struct err *err)
{
    struct dump_run *run = memory_zalloc(sizeof *run);
    run->spec = *spec;
    *time = clock_now(); /* the snapshot is taken in the moment after this */
    if (start_dump(run, err) == 0 && start_stream(run, err) == 0)
        return run;
    dump_run_free(run);
    return NULL;
}

uint64_t dump_run_memory(const struct dump_run *run)
{
    return stream_memory(&run->stream_spec);
}

unsigned dump_run_threads(const struct dump_run *run)
{
    return run->stream_spec.threads;
}

/* An archive that pg_restore cannot walk is a dump that failed, not a damaged backup: there
 * is none yet. */
static int not_whole(struct err *err)
{
    if (err->kind != ERR_CORRUPT)
        return -1;
    err->kind = ERR_DATABASE;
    return err_context(err, "the dump is not whole");
}

bool dump_run_has_workers(const struct dump_run *run)
{
    return run->parallel != NULL;
}

/* How pg_dump ended. */
static int finish_dump(struct dump_run *run, struct err *err)
{
    if (dump_finish(run->dump, err) == 0)
        return 0;
    /* Its session has no statement_timeout but the one for locks. Beside workers that says only
     * that the ring of start_dump may have closed, which it cannot when pg_dump is alone. */
    if (run->parallel != NULL && err->kind == ERR_DATABASE &&
        strstr(err->text, "statement timeout") != NULL)
        err->kind = ERR_AGAIN;
    return -1;
}

int dump_run_read(struct dump_run *run, struct err *err)
{
    struct err why = {0};
    if (stream_run(run->stream, err) < 0) {
        /* pg_dump knows better why its text is cut. */
        if (stream_is_cut(run->stream) && finish_dump(run, &why) < 0)
            *err = why;
        return run->check ? not_whole(err) : -1;
    }
    if (finish_dump(run, err) < 0)
        return -1;
    return run->parallel ? parallel_dump_finish(run->parallel, err) : 0;
}

int dump_run_check_end(struct dump_run *run, struct err *err)
{
    if (!stream_result(run->stream)->ended_well) {
        err_set(err, ERR_DATABASE,
                "the dump is cut: pg_dump ended with success but its text has no end");
        return err_hint(err, "a full disk or a wrapper around pg_dump can do that");
    }
    return run->check && dump_check_finish(run->check, err) < 0 ? not_whole(err) : 0;
}

const struct stream_result *dump_run_result(const struct dump_run *run)
{
    return stream_result(run->stream);
}

void dump_run_free(struct dump_run *run)
{
    if (run == NULL)
        return;
    /* The stream's threads are gone by now, so nobody uses the sessions any more. */
    stream_free(run->stream);
    dump_check_free(run->check);
    dump_free(run->dump);
    parallel_dump_free(run->parallel);
    free(run);
}
