/*
 * Calls of BLAS and LAPACK that need its working memory, one at a time: the serial OpenBLAS hands
 * the same piece to two threads that ask at once, and both get wrong answers. Vector routines
 * (ddot, daxpy, idamax) need none. For src/learn and src/correlate.
 */
#ifndef CULPRIT_LEARN_BLAS_H
#define CULPRIT_LEARN_BLAS_H

void blas_lock(void);
void blas_unlock(void);

/* clang-format off */
#define BLAS_INT(call) ({ int blas_rc; blas_lock(); blas_rc = (int)(call); blas_unlock(); blas_rc; })
#define BLAS_VOID(call) ({ blas_lock(); (call); blas_unlock(); })
/* clang-format on */

#endif
