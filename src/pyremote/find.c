#include "pyremote/python.h"
