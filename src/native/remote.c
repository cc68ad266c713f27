#include "native/remote.h"
