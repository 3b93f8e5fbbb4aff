/* Word lists of the generator. */
#ifndef AM_TASK_WORDS_H
#define AM_TASK_WORDS_H

extern const char *const am_adjectives[];
extern const char *const am_nouns[];
extern const int am_n_adjectives, am_n_nouns;

#endif
