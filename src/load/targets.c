#include "load/targets.h"
