/*
 * One look with frames of machine code. A thread is stopped, its registers and the top of its stack
 * are copied and its Python stack is read, all in one moment; then it runs on, and is unwound from
 * the copy. So threads are stopped one at a time, each for as short as that takes. A Python process
 * has threads that are no Python ones, too: they have machine code alone.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "sampler/sampler_internal.h"

/* Threads that are no Python ones are looked for so often. */
#define OTHERS_EVERY_NS (100 * NS_PER_MS)

void look_native(struct sampler *s, struct subject *j, uint64_t now)
{
	if (j->python)
		look_python(s, j, now);
}
