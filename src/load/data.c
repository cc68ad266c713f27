#include "load/data.h"
