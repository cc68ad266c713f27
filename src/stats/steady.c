#include "stats/steady.h"
