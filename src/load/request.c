#include "load/request.h"
