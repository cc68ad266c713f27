#include "stats/hdr_log.h"
