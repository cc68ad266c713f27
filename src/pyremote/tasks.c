#include "pyremote/python_internal.h"

void tasks_release(struct python *p)
{
	p->tasks = NULL;
}

bool python_tasks(struct python *p, struct python_task **out, size_t *n)
{
	(void)p;
	*out = NULL;
	*n = 0;
	return false;
}

const char *python_running_task(struct python *p, struct python_thread *t)
{
	(void)p;
	(void)t;
	return "";
}
