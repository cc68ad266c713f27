#include "load/order.h"
