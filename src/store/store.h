/*
 * Where every result is kept: one SQLite file in WAL mode, with a schema version and migrations.
 * The only place with SQL. It knows runs, trials and blobs; what is in their JSON is their owners'
 * matter. What was added is on disk when the call returns: kill -9 loses at most what was being
 * measured.
 */
#ifndef CULPRIT_STORE_STORE_H
#define CULPRIT_STORE_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct store;

enum run_status { RUN_RUNNING, RUN_DONE, RUN_STOPPED, RUN_FAILED };
extern const char *const RUN_STATUS_WORDS[]; /* "running", "done", "stopped", "failed", NULL */

/* A run's row. Texts belong to the struct (run_release); spec, machine and result are references.
 */
struct run {
	int64_t id;
	char *kind;  /* "study", "load", "rank", … */
	char *title; /* a line for lists: the study file, the URL */
	enum run_status status;
	int64_t started_ms, ended_ms; /* wall; ended 0 while it runs */
	char *command;                /* the exact command line */
	char *key;                    /* hash that finds a study again to resume it; "" else */
	uint64_t seed;
	json_t *spec;    /* what was asked */
	json_t *machine; /* where (proc/machine.h), with version, git commit, dirty */
	json_t *result;  /* what came of it; NULL until it is done */
	size_t n_trials; /* filled by reads */
};

struct trial {
	int64_t run;
	size_t index; /* place in the design, from 0 */
	bool ok;
	int64_t started_ms;
	json_t *setting;   /* factor → value */
	json_t *responses; /* name → number */
	json_t *detail;    /* errors, status, latency, machine … */
};

/* Opens, or makes, the store. path NULL: CULPRIT_STORE is the caller's matter, so it must be given.
 * ERR_STORE names the path and the mend: no room, no right, not a store, of a newer culprit. */
int store_open(struct store **out, const char *path, struct err *err);
void store_close(struct store *s);

/* Takes the right to measure with this store, which one culprit at a time has; kept until close or
 * the process's end. ERR_BUSY names the pid and command that has it. Readers need none. */
int store_lock(struct store *s, const char *command, struct err *err);

int store_run_add(struct store *s, struct run *run, struct err *err); /* sets run->id */
int store_run_end(
	struct store *s, int64_t id, enum run_status status, const json_t *result, struct err *err);
int store_run_read(struct store *s, int64_t id, struct run *out, struct err *err);
/* The newest run with this key that is not done; id 0 when there is none. */
int store_run_find(struct store *s, const char *key, int64_t *id, struct err *err);
/* The number of the newest run, or of the one so many before it (0: there are not so many), and how
 * many runs there are. */
int store_run_newest(struct store *s, int64_t before, int64_t *id, size_t *n, struct err *err);
/* Newest first; kind NULL: all. An array of *n, freed with run_release on each and free(). */
int store_run_list(struct store *s, const char *kind, struct run **out, size_t *n, struct err *err);
int store_run_remove(struct store *s, int64_t id, struct err *err);
void run_release(struct run *run);

int store_trial_add(struct store *s, const struct trial *trial, struct err *err);
/* In the order of their index. An array of *n, also where it fails; freed with trials_free(). */
int store_trial_list(struct store *s, int64_t run, struct trial **out, size_t *n, struct err *err);
void trial_release(struct trial *trial);
void trials_free(struct trial *items, size_t n); /* an array of them */

/* Named bytes of a run (a histogram, a series), compressed with zstd. Reading allocates *data. */
int store_blob_put(struct store *s, int64_t run, const char *name, const void *data, size_t len,
	struct err *err);
int store_blob_get(
	struct store *s, int64_t run, const char *name, void **data, size_t *len, struct err *err);

#endif
