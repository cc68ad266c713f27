#include "net/h2.h"
