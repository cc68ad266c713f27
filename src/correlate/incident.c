#include "correlate/incident.h"
