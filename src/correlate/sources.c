#include "correlate/sources.h"
