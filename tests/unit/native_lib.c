#include "native_lib.h"

void native_lib_call(void (*back)(void *), void *arg)
{
	volatile long kept[4] = {1, 2, 3, 4};

	back(arg);
	kept[0] += kept[3];
}
