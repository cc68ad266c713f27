#include "profile/view.h"
