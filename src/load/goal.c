#include "load/goal.h"
