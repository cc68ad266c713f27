#include "proc/recorder.h"
