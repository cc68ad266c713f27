/*
 * Names of C++ and Rust functions as a person writes them: "_ZN2v88Function4CallEii" is
 * v8::Function::Call. Parameters are left out, and the hash that older Rust puts at the end. It is
 * the C++ library that knows the rules (the Itanium ABI); it is loaded when the first such name is
 * met, so that no other start pays for it, and where there is none names stay as they are.
 */
#ifndef CULPRIT_NATIVE_DEMANGLE_H
#define CULPRIT_NATIVE_DEMANGLE_H

#include <stdlib.h>

enum { DEMANGLE_MAX_NAME = 4096 };

/* A text to free(); NULL: it is no such name, or one longer than DEMANGLE_MAX_NAME. Any thread. */
char *demangle(const char *name);

/* Takes parameters and what is behind them ("const", "[clone .cold]") off a demangled name, and the
 * hash of Rust. */
void demangle_shorten(char *name);

#endif
