#include "profile/formats.h"
