#include "proc/limits.h"
