#include "learn/gp.h"
