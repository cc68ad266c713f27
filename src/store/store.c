/*
 * The store: opening, migrating, locking; and every statement that culprit says to SQLite. Errors
 * of SQLite are translated in one place (store_error) into a sentence with the path and the mend.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "store/schema.h"

enum { SCHEMA_VERSION = sizeof(SCHEMA) / sizeof(SCHEMA[0]), BUSY_MS = 5000 };

/* A blob unpacks to at most this; a larger size in a damaged store is refused. */
#define BLOB_MAX ((sqlite3_int64)1 << 32)

const char *const RUN_STATUS_WORDS[] = {"running", "done", "stopped", "failed", NULL};

struct store {
	sqlite3 *db;
	char *path;
	int lock_fd;
};

static int store_error(const struct store *s, const char *doing, struct err *err)
{
	switch (sqlite3_errcode(s->db)) {
	case SQLITE_FULL:
		return err_set(err, ERR_STORE,
			"%s: no room left on the disk while %s; free some, or choose another store "
			"with --store PATH. What was stored before is kept",
			s->path, doing);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, ERR_BUSY,
			"%s: another culprit has been writing to this store for %d s; wait for it, "
			"or choose another with --store PATH",
			s->path, BUSY_MS / 1000);
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return err_set(err, ERR_STORE,
			"%s: no right to write there (%s); choose another store with --store PATH",
			s->path, sqlite3_errmsg(s->db));
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return err_set(err, ERR_STORE,
			"%s: is not a store of culprit, or is damaged (%s); move it away, or "
			"choose "
			"another with --store PATH",
			s->path, sqlite3_errmsg(s->db));
	case SQLITE_CANTOPEN:
		return err_set(err, ERR_STORE,
			"%s: cannot be opened or made (%s); choose another store with --store PATH",
			s->path, strerror(sqlite3_system_errno(s->db)));
	default:
		return err_set(
			err, ERR_STORE, "%s: %s while %s", s->path, sqlite3_errmsg(s->db), doing);
	}
}

static int store_exec(struct store *s, const char *sql, const char *doing, struct err *err)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) ? store_error(s, doing, err) : 0;
}

static int store_prepare(
	struct store *s, const char *sql, sqlite3_stmt **out, const char *doing, struct err *err)
{
	return sqlite3_prepare_v2(s->db, sql, -1, out, NULL) ? store_error(s, doing, err) : 0;
}

/* Runs a statement that gives no rows, and ends it. */
static int store_step(struct store *s, sqlite3_stmt *q, const char *doing, struct err *err)
{
	int rc = sqlite3_step(q) == SQLITE_DONE ? 0 : store_error(s, doing, err);

	sqlite3_finalize(q);
	return rc;
}

static int store_pragma(struct store *s, const char *sql, int *value, struct err *err)
{
	sqlite3_stmt *q;
	int rc = store_prepare(s, sql, &q, "reading its version", err);

	if (rc)
		return rc;
	if (sqlite3_step(q) == SQLITE_ROW)
		*value = sqlite3_column_int(q, 0);
	else
		rc = store_error(s, "reading its version", err);
	sqlite3_finalize(q);
	return rc;
}

static int store_identify(struct store *s, int *version, struct err *err)
{
	int id = 0, tables = 0, rc;

	rc = store_pragma(s, "PRAGMA application_id", &id, err);
	if (!rc)
		rc = store_pragma(s, "PRAGMA user_version", version, err);
	if (!rc)
		rc = store_pragma(s, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (rc)
		return rc;
	if (id != SCHEMA_APPLICATION_ID && (tables || *version || id))
		return err_set(err, ERR_STORE,
			"%s: is a SQLite file of something else, not a store of culprit; choose "
			"another with --store PATH",
			s->path);
	if (*version > SCHEMA_VERSION)
		return err_set(err, ERR_STORE,
			"%s: was written by a newer culprit (schema %d, this one knows %d); "
			"install "
			"that one, or choose another store with --store PATH",
			s->path, *version, SCHEMA_VERSION);
	return 0;
}

static int store_migrate(struct store *s, struct err *err)
{
	static const char DOING[] = "bringing its tables up to date";
	int version = 0, rc = store_identify(s, &version, err);

	if (rc || version == SCHEMA_VERSION)
		return rc;
	rc = store_exec(s, "BEGIN IMMEDIATE", DOING, err);
	if (rc)
		return rc;
	/* again inside the transaction: another culprit may have been first */
	rc = store_identify(s, &version, err);
	for (; !rc && version < SCHEMA_VERSION; version++)
		rc = store_exec(s, SCHEMA[version], DOING, err);
	if (!rc) {
		char sql[96];

		snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d",
			SCHEMA_APPLICATION_ID, SCHEMA_VERSION);
		rc = store_exec(s, sql, DOING, err);
	}
	if (!rc)
		rc = store_exec(s, "COMMIT", DOING, err);
	if (rc)
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

int store_open(struct store **out, const char *path, struct err *err)
{
	struct store *s = mem_zalloc(1, sizeof(*s));
	int rc;

	s->path = mem_strdup(path);
	s->lock_fd = -1;
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL)) {
		rc = store_error(s, "opening it", err);
		goto fail;
	}
	sqlite3_extended_result_codes(s->db, 0);
	sqlite3_busy_timeout(s->db, BUSY_MS);
	rc = store_migrate(s, err);
	/* FULL: a trial is on the disk, not only with the kernel, when it is said to be kept */
	if (!rc)
		rc = store_exec(s,
			"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
			"PRAGMA foreign_keys = ON",
			"opening it", err);
	if (rc)
		goto fail;
	*out = s;
	return 0;
fail:
	store_close(s);
	return rc;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	sqlite3_close(s->db);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	free(s->path);
	free(s);
}

/*
 * The lock is a POSIX record lock on a file beside the store: it names its holder (F_GETLK), does
 * not pass to children, and ends with the process however that ends. The file's text is the
 * command.
 */
int store_lock(struct store *s, const char *command, struct err *err)
{
	struct str path = STR_INIT;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int rc = 0;

	if (s->lock_fd >= 0)
		return 0;
	str_addf(&path, "%s.lock", s->path);
	s->lock_fd = open(path.p, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (s->lock_fd < 0) {
		rc = err_errno(err, ERR_STORE, errno, "%s: cannot be made", path.p);
		goto out;
	}
	if (fcntl(s->lock_fd, F_SETLK, &lock)) {
		char holder[256] = "";
		ssize_t n = read(s->lock_fd, holder, sizeof(holder) - 1);

		holder[n > 0 ? n : 0] = '\0';
		lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
		fcntl(s->lock_fd, F_GETLK, &lock);
		rc = err_set(err, ERR_BUSY,
			"%s: in use by another culprit (pid %d: %s), and two measurements at a "
			"time "
			"would spoil each other; wait for it, or choose another store with "
			"--store PATH",
			s->path, (int)lock.l_pid, holder);
		close(s->lock_fd);
		s->lock_fd = -1;
		goto out;
	}
	if (ftruncate(s->lock_fd, 0) ||
		pwrite(s->lock_fd, command, strlen(command), 0) != (ssize_t)strlen(command))
		rc = err_errno(err, ERR_STORE, errno, "%s: cannot be written", path.p);
out:
	str_release(&path);
	return rc;
}

static void bind_text(sqlite3_stmt *q, int at, const char *text)
{
	sqlite3_bind_text(q, at, text ? text : "", -1, SQLITE_TRANSIENT);
}

static void bind_json(sqlite3_stmt *q, int at, const json_t *value)
{
	struct str text = STR_INIT;

	if (!value)
		return;
	json_write(&text, value, 0);
	sqlite3_bind_text(q, at, str_text(&text), (int)text.len, SQLITE_TRANSIENT);
	str_release(&text);
}

static char *column_text(sqlite3_stmt *q, int at)
{
	const char *text = (const char *)sqlite3_column_text(q, at);

	return mem_strdup(text ? text : "");
}

static int column_json(
	const struct store *s, sqlite3_stmt *q, int at, json_t **out, struct err *err)
{
	const char *text = (const char *)sqlite3_column_text(q, at);

	*out = text ? json_read(text, s->path, err) : NULL;
	return text && !*out ? -(int)ERR_STORE : 0;
}

int store_run_add(struct store *s, struct run *run, struct err *err)
{
	sqlite3_stmt *q;
	int rc = store_prepare(s,
		"INSERT INTO run (kind, title, status, started_ms, ended_ms, command, key, seed,"
		" spec, machine, result) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
		&q, "adding a run", err);

	if (rc)
		return rc;
	bind_text(q, 1, run->kind);
	bind_text(q, 2, run->title);
	sqlite3_bind_int(q, 3, run->status);
	sqlite3_bind_int64(q, 4, run->started_ms);
	sqlite3_bind_int64(q, 5, run->ended_ms);
	bind_text(q, 6, run->command);
	bind_text(q, 7, run->key);
	sqlite3_bind_int64(q, 8, (sqlite3_int64)run->seed);
	bind_json(q, 9, run->spec);
	bind_json(q, 10, run->machine);
	bind_json(q, 11, run->result);
	rc = store_step(s, q, "adding a run", err);
	if (!rc)
		run->id = sqlite3_last_insert_rowid(s->db);
	return rc;
}

int store_run_end(
	struct store *s, int64_t id, enum run_status status, const json_t *result, struct err *err)
{
	sqlite3_stmt *q;
	int rc = store_prepare(s,
		"UPDATE run SET status = ?2, ended_ms = ?3, result = coalesce(?4, result)"
		" WHERE id = ?1",
		&q, "ending a run", err);

	if (rc)
		return rc;
	sqlite3_bind_int64(q, 1, id);
	sqlite3_bind_int(q, 2, status);
	sqlite3_bind_int64(q, 3, status == RUN_RUNNING ? 0 : clock_wall_ms());
	bind_json(q, 4, result);
	return store_step(s, q, "ending a run", err);
}

#define RUN_COLUMNS                                                                                \
	"id, kind, title, status, started_ms, ended_ms, command, key, seed,"                       \
	" (SELECT count(*) FROM trial WHERE trial.run = run.id), spec, machine, result"

static int run_from_row(const struct store *s, sqlite3_stmt *q, struct run *out, struct err *err)
{
	int rc;

	*out = (struct run){
		.id = sqlite3_column_int64(q, 0),
		.kind = column_text(q, 1),
		.title = column_text(q, 2),
		.status = (enum run_status)sqlite3_column_int(q, 3),
		.started_ms = sqlite3_column_int64(q, 4),
		.ended_ms = sqlite3_column_int64(q, 5),
		.command = column_text(q, 6),
		.key = column_text(q, 7),
		.seed = (uint64_t)sqlite3_column_int64(q, 8),
		.n_trials = (size_t)sqlite3_column_int64(q, 9),
	};
	if (out->status > RUN_FAILED)
		out->status = RUN_FAILED;
	rc = column_json(s, q, 10, &out->spec, err);
	if (!rc)
		rc = column_json(s, q, 11, &out->machine, err);
	if (!rc)
		rc = column_json(s, q, 12, &out->result, err);
	if (rc)
		run_release(out);
	return rc;
}

int store_run_read(struct store *s, int64_t id, struct run *out, struct err *err)
{
	sqlite3_stmt *q;
	int rc = store_prepare(
		s, "SELECT " RUN_COLUMNS " FROM run WHERE id = ?", &q, "reading a run", err);

	*out = (struct run){0};
	if (rc)
		return rc;
	sqlite3_bind_int64(q, 1, id);
	switch (sqlite3_step(q)) {
	case SQLITE_ROW: rc = run_from_row(s, q, out, err); break;
	case SQLITE_DONE:
		rc = err_set(err, ERR_USAGE,
			"%s has no run %lld; `culprit runs` lists those it has", s->path,
			(long long)id);
		break;
	default: rc = store_error(s, "reading a run", err);
	}
	sqlite3_finalize(q);
	return rc;
}

int store_run_find(struct store *s, const char *key, int64_t *id, struct err *err)
{
	sqlite3_stmt *q;
	int rc = store_prepare(s,
		"SELECT id, status FROM run WHERE key = ? ORDER BY id DESC LIMIT 1", &q,
		"looking for a run", err);

	*id = 0;
	if (rc)
		return rc;
	bind_text(q, 1, key);
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW && sqlite3_column_int(q, 1) != RUN_DONE)
		*id = sqlite3_column_int64(q, 0);
	rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : store_error(s, "looking for a run", err);
	sqlite3_finalize(q);
	return rc;
}

int store_run_newest(struct store *s, int64_t before, int64_t *id, size_t *n, struct err *err)
{
	sqlite3_stmt *q;
	int rc = store_prepare(s,
		"SELECT (SELECT id FROM run ORDER BY id DESC LIMIT 1 OFFSET ?), "
		"(SELECT count(*) FROM run)",
		&q, "looking for a run", err);

	*id = 0;
	*n = 0;
	if (rc)
		return rc;
	sqlite3_bind_int64(q, 1, before);
	if (sqlite3_step(q) == SQLITE_ROW) {
		*id = sqlite3_column_int64(q, 0); /* NULL is 0 */
		*n = (size_t)sqlite3_column_int64(q, 1);
	} else {
		rc = store_error(s, "looking for a run", err);
	}
	sqlite3_finalize(q);
	return rc;
}

int store_run_list(struct store *s, const char *kind, struct run **out, size_t *n, struct err *err)
{
	sqlite3_stmt *q;
	size_t cap = 0;
	int step = SQLITE_DONE;
	int rc = store_prepare(s,
		"SELECT " RUN_COLUMNS " FROM run WHERE ?1 IS NULL OR kind = ?1 ORDER BY id DESC",
		&q, "listing runs", err);

	*out = NULL;
	*n = 0;
	if (rc)
		return rc;
	if (kind)
		bind_text(q, 1, kind);
	while (!rc && (step = sqlite3_step(q)) == SQLITE_ROW) {
		*out = mem_grow(*out, &cap, *n + 1, sizeof(**out));
		rc = run_from_row(s, q, &(*out)[*n], err);
		*n += !rc;
	}
	if (!rc && step != SQLITE_DONE)
		rc = store_error(s, "listing runs", err);
	sqlite3_finalize(q);
	return rc;
}

int store_run_remove(struct store *s, int64_t id, struct err *err)
{
	sqlite3_stmt *q;
	int rc = store_prepare(s, "DELETE FROM run WHERE id = ?", &q, "removing a run", err);

	if (rc)
		return rc;
	sqlite3_bind_int64(q, 1, id);
	return store_step(s, q, "removing a run", err);
}

void run_release(struct run *run)
{
	free(run->kind);
	free(run->title);
	free(run->command);
	free(run->key);
	json_decref(run->spec);
	json_decref(run->machine);
	json_decref(run->result);
	*run = (struct run){0};
}

int store_trial_add(struct store *s, const struct trial *t, struct err *err)
{
	sqlite3_stmt *q;
	int rc = store_prepare(s, "INSERT OR REPLACE INTO trial VALUES (?,?,?,?,?,?,?)", &q,
		"adding a trial", err);

	if (rc)
		return rc;
	sqlite3_bind_int64(q, 1, t->run);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)t->index);
	sqlite3_bind_int(q, 3, t->ok);
	sqlite3_bind_int64(q, 4, t->started_ms);
	bind_json(q, 5, t->setting);
	bind_json(q, 6, t->responses);
	bind_json(q, 7, t->detail);
	return store_step(s, q, "adding a trial", err);
}

int store_trial_list(struct store *s, int64_t run, struct trial **out, size_t *n, struct err *err)
{
	sqlite3_stmt *q;
	size_t cap = 0;
	int step = SQLITE_DONE;
	int rc = store_prepare(s,
		"SELECT idx, ok, started_ms, setting, responses, detail FROM trial WHERE run = ?"
		" ORDER BY idx",
		&q, "listing trials", err);

	*out = NULL;
	*n = 0;
	if (rc)
		return rc;
	sqlite3_bind_int64(q, 1, run);
	while (!rc && (step = sqlite3_step(q)) == SQLITE_ROW) {
		struct trial *t;

		*out = mem_grow(*out, &cap, *n + 1, sizeof(**out));
		t = &(*out)[(*n)++];
		*t = (struct trial){.run = run,
			.index = (size_t)sqlite3_column_int64(q, 0),
			.ok = sqlite3_column_int(q, 1),
			.started_ms = sqlite3_column_int64(q, 2)};
		rc = column_json(s, q, 3, &t->setting, err);
		if (!rc)
			rc = column_json(s, q, 4, &t->responses, err);
		if (!rc)
			rc = column_json(s, q, 5, &t->detail, err);
	}
	if (!rc && step != SQLITE_DONE)
		rc = store_error(s, "listing trials", err);
	sqlite3_finalize(q);
	return rc;
}

void trial_release(struct trial *t)
{
	json_decref(t->setting);
	json_decref(t->responses);
	json_decref(t->detail);
	*t = (struct trial){0};
}

void trials_free(struct trial *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		trial_release(&items[i]);
	free(items);
}

int store_blob_put(struct store *s, int64_t run, const char *name, const void *data, size_t len,
	struct err *err)
{
	size_t room = ZSTD_compressBound(len);
	void *packed = mem_alloc(room, 1);
	size_t size = ZSTD_compress(packed, room, data, len, 3);
	sqlite3_stmt *q;
	int rc;

	if (ZSTD_isError(size)) {
		rc = err_set(err, ERR_STORE, "%s: %s: %s", s->path, name, ZSTD_getErrorName(size));
		goto out;
	}
	rc = store_prepare(
		s, "INSERT OR REPLACE INTO blob VALUES (?,?,?,?)", &q, "adding a blob", err);
	if (rc)
		goto out;
	sqlite3_bind_int64(q, 1, run);
	bind_text(q, 2, name);
	sqlite3_bind_int64(q, 3, (sqlite3_int64)len);
	sqlite3_bind_blob64(q, 4, packed, size, SQLITE_STATIC);
	rc = store_step(s, q, "adding a blob", err);
out:
	free(packed);
	return rc;
}

static int blob_unpack(const struct store *s, sqlite3_stmt *q, const char *name, void **data,
	size_t *len, struct err *err)
{
	sqlite3_int64 size = sqlite3_column_int64(q, 0);
	size_t got;

	if (size < 0 || size > BLOB_MAX)
		return err_set(err, ERR_STORE, "%s: %s is damaged", s->path, name);
	*data = mem_alloc((size_t)size + 1, 1);
	*len = (size_t)size;
	got = ZSTD_decompress(
		*data, *len, sqlite3_column_blob(q, 1), (size_t)sqlite3_column_bytes(q, 1));
	if (!ZSTD_isError(got) && got == *len)
		return 0;
	free(*data);
	*data = NULL;
	return err_set(err, ERR_STORE, "%s: %s is damaged", s->path, name);
}

int store_blob_get(
	struct store *s, int64_t run, const char *name, void **data, size_t *len, struct err *err)
{
	sqlite3_stmt *q;
	int rc = store_prepare(s, "SELECT size, data FROM blob WHERE run = ? AND name = ?", &q,
		"reading a blob", err);

	*data = NULL;
	*len = 0;
	if (rc)
		return rc;
	sqlite3_bind_int64(q, 1, run);
	bind_text(q, 2, name);
	switch (sqlite3_step(q)) {
	case SQLITE_ROW: rc = blob_unpack(s, q, name, data, len, err); break;
	case SQLITE_DONE:
		rc = err_set(
			err, ERR_STORE, "%s: run %lld has no %s", s->path, (long long)run, name);
		break;
	default: rc = store_error(s, "reading a blob", err);
	}
	sqlite3_finalize(q);
	return rc;
}
