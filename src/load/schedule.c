#include "load/schedule.h"
