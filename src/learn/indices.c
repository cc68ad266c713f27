#include "learn/indices.h"
