/* For LD_PRELOAD: gives freed memory back to the system at SIGUSR2.
 *
 * glibc keeps what a program frees, since it may soon want it again. So what a process has says little about what
 * it holds, unless glibc is told to give back what nobody holds.
 */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>

static void *trim_when_told(void *unused)
{
    sigset_t told;
    int signal;

    (void)unused;
    sigemptyset(&told);
    sigaddset(&told, SIGUSR2);
    while (sigwait(&told, &signal) == 0)
        malloc_trim(0);
    return NULL;
}

/* Before main, so that every thread inherits the blocked signal. */
__attribute__((constructor)) static void begin(void)
{
    sigset_t told;
    pthread_t thread;

    sigemptyset(&told);
    sigaddset(&told, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &told, NULL);
    pthread_create(&thread, NULL, trim_when_told, NULL);
}
