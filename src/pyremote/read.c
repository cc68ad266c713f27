/* Small readers that several parts need. */
#include <string.h>

#include "pyremote/python_internal.h"

bool python_read_word(const struct python *p, uint64_t address, uint64_t *out)
{
	return remote_read(p->pid, address, out, sizeof(*out));
}

bool python_is_a(struct python *p, uint64_t object, const char *name)
{
	char text[64];
	uint64_t type, at;

	return object && object % 8 == 0 &&
	       python_read_word(p, object + p->layout.object.type, &type) && type &&
	       type % 8 == 0 && python_read_word(p, type + p->layout.object.type_name, &at) &&
	       remote_read_text(p->pid, at, text, sizeof(text)) && !strcmp(text, name);
}
