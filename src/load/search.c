#include "load/search.h"
