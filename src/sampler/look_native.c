#include "sampler/sampler_internal.h"
void look_native(struct sampler *s, struct subject *j, uint64_t now)
{
	look_python(s, j, now);
}
