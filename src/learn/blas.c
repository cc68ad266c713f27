#include "learn/blas.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void blas_lock(void)
{
	pthread_mutex_lock(&lock);
}

void blas_unlock(void)
{
	pthread_mutex_unlock(&lock);
}
