#include "tui/top.h"
