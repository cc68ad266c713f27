#include "native/native.h"
