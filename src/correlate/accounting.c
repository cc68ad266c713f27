#include "correlate/accounting.h"
