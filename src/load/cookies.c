#include "load/cookies.h"
