#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "store/store.h"

static char folder[] = "/tmp/culprit-store-XXXXXX";
static char path[64];

static struct store *fresh(void)
{
	struct store *s = NULL;
	struct err err = {0};

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/t.db", folder);
	ck_assert_msg(!store_open(&s, path, &err), "%s", err.text);
	return s;
}

static struct store *reopen(void)
{
	struct store *s = NULL;
	struct err err = {0};

	ck_assert_msg(!store_open(&s, path, &err), "%s", err.text);
	return s;
}

static void clean(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

static int64_t add_run(struct store *s, const char *key)
{
	struct err err = {0};
	struct run run = {.kind = strdup("study"),
		.title = strdup("a 'title'"),
		.status = RUN_RUNNING,
		.started_ms = 5,
		.command = strdup("culprit find x"),
		.key = strdup(key),
		.seed = (UINT64_C(1) << 53) - 1,
		.spec = json_pack("{s:f}", "third", 1.0 / 3)};
	int64_t id;

	ck_assert_msg(!store_run_add(s, &run, &err), "%s", err.text);
	id = run.id;
	run_release(&run);
	return id;
}

static void add_trial(struct store *s, int64_t run, size_t index)
{
	struct err err = {0};
	struct trial t = {.run = run,
		.index = index,
		.ok = index % 2,
		.setting = json_pack("{s:i}", "x", (int)index),
		.responses = json_object(),
		.detail = json_object()};

	ck_assert_msg(!store_trial_add(s, &t, &err), "%s", err.text);
	trial_release(&t);
}

START_TEST(keeps_runs_and_trials)
{
	struct store *s = fresh();
	struct err err = {0};
	struct run run;
	struct trial *trials;
	size_t n;
	int64_t id = add_run(s, "k"), found;

	add_trial(s, id, 1);
	add_trial(s, id, 0);
	store_close(s);
	s = reopen();
	ck_assert_int_eq(store_run_read(s, id, &run, &err), 0);
	ck_assert_str_eq(run.title, "a 'title'");
	ck_assert_uint_eq(run.seed, (UINT64_C(1) << 53) - 1);
	ck_assert_uint_eq(run.n_trials, 2);
	ck_assert(json_real_value(json_object_get(run.spec, "third")) == 1.0 / 3);
	ck_assert_ptr_null(run.result);
	run_release(&run);
	ck_assert_int_eq(store_trial_list(s, id, &trials, &n, &err), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(trials[0].index, 0);
	ck_assert(!trials[0].ok && trials[1].ok);
	for (size_t i = 0; i < n; i++)
		trial_release(&trials[i]);
	free(trials);
	ck_assert_int_eq(store_run_find(s, "k", &found, &err), 0);
	ck_assert_int_eq(found, id);
	ck_assert_int_eq(store_run_end(s, id, RUN_DONE, NULL, &err), 0);
	ck_assert_int_eq(store_run_find(s, "k", &found, &err), 0);
	ck_assert_int_eq(found, 0);
	ck_assert_int_eq(store_run_remove(s, id, &err), 0);
	ck_assert_int_eq(store_trial_list(s, id, &trials, &n, &err), 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(store_run_read(s, id, &run, &err), -ERR_USAGE);
	store_close(s);
	clean();
}
END_TEST

START_TEST(counts_from_the_newest)
{
	struct store *s = fresh();
	struct err err = {0};
	int64_t id, first, second;
	size_t n;

	ck_assert_int_eq(store_run_newest(s, 0, &id, &n, &err), 0);
	ck_assert_int_eq(id, 0);
	ck_assert_uint_eq(n, 0);
	first = add_run(s, "a");
	second = add_run(s, "b");
	for (int64_t before = 0; before < 3; before++) {
		const int64_t ids[] = {second, first, 0};

		ck_assert_int_eq(store_run_newest(s, before, &id, &n, &err), 0);
		ck_assert_int_eq(id, ids[before]);
		ck_assert_uint_eq(n, 2);
	}
	ck_assert_int_eq(store_run_newest(s, INT64_MAX, &id, &n, &err), 0);
	ck_assert_int_eq(id, 0);
	store_close(s);
	clean();
}
END_TEST

START_TEST(keeps_blobs)
{
	struct store *s = fresh();
	struct err err = {0};
	int64_t id = add_run(s, "");
	size_t len = 3 << 20, got;
	unsigned char *data = malloc(len);
	void *back;
	struct rng r;

	rng_seed(&r, 1, 1);
	for (size_t i = 0; i < len; i++)
		data[i] = (unsigned char)(rng_next(&r) & 7);
	ck_assert_int_eq(store_blob_put(s, id, "h", data, len, &err), 0);
	ck_assert_int_eq(store_blob_get(s, id, "h", &back, &got, &err), 0);
	ck_assert_uint_eq(got, len);
	ck_assert(!memcmp(back, data, len));
	free(back);
	ck_assert_int_eq(store_blob_get(s, id, "none", &back, &got, &err), -ERR_STORE);
	free(data);
	store_close(s);
	clean();
}
END_TEST

START_TEST(refuses_what_is_not_its_own)
{
	struct store *s = fresh(), *other = NULL;
	struct err err = {0};
	sqlite3 *db;
	char garbage[80];
	FILE *f;

	store_close(s);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL);
	sqlite3_close(db);
	ck_assert_int_eq(store_open(&other, path, &err), -ERR_STORE);
	ck_assert_ptr_nonnull(strstr(err.text, "newer culprit (schema 99"));

	snprintf(garbage, sizeof(garbage), "%s/g.db", folder);
	f = fopen(garbage, "w");
	for (int i = 0; i < 1000; i++)
		fputs("this is no database ", f);
	fclose(f);
	ck_assert_int_eq(store_open(&other, garbage, &err), -ERR_STORE);
	ck_assert_ptr_nonnull(strstr(err.text, "not a store"));

	snprintf(garbage, sizeof(garbage), "%s/other.db", folder);
	sqlite3_open(garbage, &db);
	sqlite3_exec(db, "CREATE TABLE theirs (x)", NULL, NULL, NULL);
	sqlite3_close(db);
	ck_assert_int_eq(store_open(&other, garbage, &err), -ERR_STORE);
	ck_assert_ptr_nonnull(strstr(err.text, "something else"));

	ck_assert_int_eq(store_open(&other, "/proc/none/x.db", &err), -ERR_STORE);
	clean();
}
END_TEST

START_TEST(one_measures_at_a_time)
{
	struct store *s = fresh();
	struct err err = {0};
	int status;
	pid_t pid;

	ck_assert_int_eq(store_lock(s, "culprit find a.yaml", &err), 0);
	pid = fork();
	if (!pid) {
		struct store *mine = reopen();
		int rc = store_lock(mine, "culprit find b.yaml", &err);

		_exit(rc == -ERR_BUSY && strstr(err.text, "culprit find a.yaml") ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	ck_assert_int_eq(status, 0);
	store_close(s);
	s = reopen();
	ck_assert_int_eq(store_lock(s, "again", &err), 0);
	store_close(s);
	clean();
}
END_TEST

/* A writer killed at random moments: the store opens, and every trial that was said to be kept, and
 * every one before it, is there. */
START_TEST(survives_kill)
{
	struct store *s = fresh();
	struct rng r;

	rng_seed(&r, 3, 0);
	for (int round = 0; round < 8; round++) {
		struct err err = {0};
		int64_t id = add_run(s, "");
		int pipes[2], status;
		unsigned char said = 0, last = 0;
		struct trial *trials;
		size_t n;
		pid_t pid;

		store_close(s);
		ck_assert_int_eq(pipe(pipes), 0);
		pid = fork();
		if (!pid) {
			s = reopen();
			for (unsigned char i = 0; i < 250; i++) {
				add_trial(s, id, i);
				last = (unsigned char)(i + 1);
				if (write(pipes[1], &last, 1) != 1)
					_exit(1);
			}
			_exit(0);
		}
		close(pipes[1]);
		ck_assert_int_eq(read(pipes[0], &said, 1), 1);
		clock_sleep_ns(rng_below(&r, 20 * NS_PER_MS));
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		while (read(pipes[0], &last, 1) == 1)
			said = last;
		close(pipes[0]);
		s = reopen();
		ck_assert_int_eq(store_trial_list(s, id, &trials, &n, &err), 0);
		ck_assert_uint_ge(n, said);
		for (size_t i = 0; i < n; i++) {
			ck_assert_uint_eq(trials[i].index, i);
			trial_release(&trials[i]);
		}
		free(trials);
	}
	store_close(s);
	clean();
}
END_TEST

UNIT_MAIN("store", keeps_runs_and_trials, keeps_blobs, counts_from_the_newest,
	refuses_what_is_not_its_own, one_measures_at_a_time, survives_kill)
