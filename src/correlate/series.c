#include "correlate/series.h"
