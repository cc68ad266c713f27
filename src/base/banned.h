/*
 * Functions that have a safer form in src/base. Included by the compiler's command line in every
 * file (see meson.build), so that a use of one of these does not compile.
 *
 * Instead: num_parse_*() for numbers, struct str or snprintf for text, strtok_r or a slice for
 * splitting, localtime_r/gmtime_r for calendars. The headers that declare them come first, for
 * poison forbids even a declaration.
 */
#ifndef CULPRIT_BANNED_H
#define CULPRIT_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#pragma GCC poison atoi atol atoll atof
#pragma GCC poison sscanf vsscanf gets
#pragma GCC poison strcpy strcat sprintf vsprintf strtok
#pragma GCC poison localtime gmtime ctime asctime

#endif
