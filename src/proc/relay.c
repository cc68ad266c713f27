#include "proc/relay.h"
