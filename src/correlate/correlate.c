#include "correlate/correlate.h"
