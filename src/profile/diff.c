#include "profile/diff.h"
