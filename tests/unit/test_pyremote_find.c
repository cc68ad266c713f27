/* Finding an interpreter, on every Python. */
#include "pyremote/python_internal.h"
#include "pythons.h"
#include "unit.h"

START_TEST(found)
{
}
END_TEST

UNIT_MAIN("pyremote_find", found)
