/*
 * answers - what each route answers (route.h). In: a request with who asks, its parameters, a session
 * whose catalog may be NULL where nothing writes. Out: status, document or text. -1 with err: a problem
 * document of the error's kind, with request->status when that was set.
 */
#ifndef PGKEEP_API_ANSWERS_H
#define PGKEEP_API_ANSWERS_H

#include "api/request.h"

int answers_session(struct request *request, struct err *err) MUST_USE;
int answers_log_in(struct request *request, struct err *err) MUST_USE;
int answers_log_out(struct request *request, struct err *err) MUST_USE;
int answers_artifacts(struct request *request, struct err *err) MUST_USE;
int answers_artifact(struct request *request, struct err *err) MUST_USE;
int answers_status(struct request *request, struct err *err) MUST_USE;
int answers_metrics(struct request *request, struct err *err) MUST_USE;
int answers_jobs(struct request *request, struct err *err) MUST_USE;
int answers_run_job(struct request *request, struct err *err) MUST_USE;
int answers_enable(struct request *request, struct err *err) MUST_USE;
int answers_disable(struct request *request, struct err *err) MUST_USE;
int answers_cancel_artifact(struct request *request, struct err *err) MUST_USE;
int answers_runs(struct request *request, struct err *err) MUST_USE;
int answers_run(struct request *request, struct err *err) MUST_USE;
int answers_cancel(struct request *request, struct err *err) MUST_USE;
int answers_sources(struct request *request, struct err *err) MUST_USE;
int answers_stores(struct request *request, struct err *err) MUST_USE;
int answers_policies(struct request *request, struct err *err) MUST_USE;
int answers_events(struct request *request, struct err *err) MUST_USE;

#endif
