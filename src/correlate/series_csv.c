#include "correlate/series_csv.h"
