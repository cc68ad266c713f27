#include "proc/workers.h"
