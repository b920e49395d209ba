/* The tests of the runtime are one plain program: the runtime has no
 * dependencies, and neither have its tests. */
#ifndef TENON_TEST_RUNTIME_CHECK_H
#define TENON_TEST_RUNTIME_CHECK_H

#include <stdio.h>

typedef struct results {
  int passed, failed, skipped;
} results;

static inline void count_check(results *r, int good, const char *test, int line,
                               const char *what) {
  if (good) {
    ++r->passed;
    return;
  }
  ++r->failed;
  fprintf(stderr, "FAIL %s:%d: %s\n", test, line, what);
}

/* Counts; goes on after a failure. Needs `results *r` in scope. */
#define CHECK(condition)                                                       \
  count_check(r, !!(condition), __func__, __LINE__, #condition)

static inline void skip(results *r, const char *test, const char *why) {
  ++r->skipped;
  fprintf(stderr, "SKIP %s: %s\n", test, why);
}

void test_files(results *r);    /* npy_test.c */
void test_elements(results *r); /* elements_test.c */
void test_front(results *r);    /* front_test.c */

#endif /* TENON_TEST_RUNTIME_CHECK_H */
