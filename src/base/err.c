#include "base/err.h"

#include <stdio.h>
#include <string.h>

static void err_vset(struct err *err, enum err_kind kind, const char *format, va_list args)
{
	if (!err)
		return;
	err->kind = kind;
	vsnprintf(err->text, sizeof(err->text), format, args);
}

int err_set(struct err *err, enum err_kind kind, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	err_vset(err, kind, format, args);
	va_end(args);
	return -(int)kind;
}

int err_errno(struct err *err, enum err_kind kind, int errnum, const char *format, ...)
{
	va_list args;
	char reason[128];
	size_t used;

	va_start(args, format);
	err_vset(err, kind, format, args);
	va_end(args);
	if (!err)
		return -(int)kind;
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s",
		strerror_r(errnum, reason, sizeof(reason)));
	return -(int)kind;
}

int err_prefix(struct err *err, const char *format, ...)
{
	va_list args;
	struct err whole;
	size_t used;

	if (!err)
		return -(int)ERR_INPUT;
	va_start(args, format);
	err_vset(&whole, err->kind, format, args);
	va_end(args);
	used = strlen(whole.text);
	snprintf(whole.text + used, sizeof(whole.text) - used, ": %.*s",
		(int)(sizeof(whole.text) - used), err->text);
	*err = whole;
	return -(int)err->kind;
}

int err_exit_code(enum err_kind kind)
{
	switch (kind) {
	case ERR_NONE: return 0;
#define X(name, code, text)                                                                        \
	case ERR_##name: return code;
		ERR_KINDS(X)
#undef X
	}
	return 1;
}
