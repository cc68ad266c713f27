#include "native/elf_file.h"
