#include "pyremote/layout.h"
