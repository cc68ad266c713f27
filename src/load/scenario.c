#include "load/scenario.h"
