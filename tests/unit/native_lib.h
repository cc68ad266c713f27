/* A function of a shared library, for native_chain.c: calls back. */
#ifndef CULPRIT_TESTS_NATIVE_LIB_H
#define CULPRIT_TESTS_NATIVE_LIB_H

void native_lib_call(void (*back)(void *), void *arg);

#endif
