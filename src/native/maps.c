#include "native/maps.h"
