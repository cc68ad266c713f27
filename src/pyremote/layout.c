#include "pyremote/layout.h"

const struct layout *layout_of(int minor)
{
	static const struct layout *const ALL[] = {
		&layout_3_8, &layout_3_9, &layout_3_10, &layout_3_11, &layout_3_12, &layout_3_13};

	for (size_t i = 0; i < sizeof(ALL) / sizeof(ALL[0]); i++)
		if (ALL[i]->minor == minor)
			return ALL[i];
	return NULL;
}
