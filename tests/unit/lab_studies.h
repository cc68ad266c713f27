/*
 * Ten studies of the lab, each in a regime of its own, with what truly limits it written down: for
 * tests and benches that count how often `culprit find` with trials: auto names the right factor.
 * The trials come from lab_model.h; which of them are run, and when a study stops, is as
 * src/study/study_run.c does it.
 */
#ifndef CULPRIT_TESTS_LAB_STUDIES_H
#define CULPRIT_TESTS_LAB_STUDIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LAB_STUDY_FACTORS = 10, LAB_STUDY_BASE = 6, LAB_STUDIES = 10 };

struct lab_study {
	const char *name;
	/* Fields of the model that are not as lab_model_init() has them. */
	struct {
		const char *name;
		double value;
	} base[LAB_STUDY_BASE];
	/* A name that is no field of the model is a factor without effect. */
	struct lab_study_factor {
		const char *name;
		double low, high;
		bool whole; /* 1 to 4: any of the four numbers, each as likely */
	} factors[LAB_STUDY_FACTORS];
	/* The limiting factor; two where they are tied (either, or both, are right); none where
	 * nothing matters (and nothing is to be named). */
	const char *truth[2];
};

extern const struct lab_study LAB_STUDY_LIST[LAB_STUDIES];

size_t lab_study_factors(const struct lab_study *s); /* how many there are */
size_t lab_study_truths(const struct lab_study *s);

/*
 * Total-effect index of each factor on the model without noise, of the rate or of its logarithm, by
 * brute force: Jansen's estimator (Computer Physics Communications 117, 1999) on Sobol points.
 * Returns the variance of what is explained.
 */
double lab_study_indices(const struct lab_study *s, bool logarithm, double total[]);

enum lab_verdict {
	LAB_RIGHT,     /* the report names the limiting factor, and it alone */
	LAB_UNDECIDED, /* it is among several that are not told apart, or nothing is named */
	LAB_WRONG      /* another is named, or one where nothing matters */
};

struct lab_outcome {
	enum lab_verdict verdict;
	bool settled; /* nothing was open any more; else it went on to the last trial */
	size_t trials;
};

/* One study from beginning to end; noise: standard deviation of a trial's logarithm (.02:
 * lab_model.h). Aborts where the learning refuses a table. */
struct lab_outcome lab_study_run(const struct lab_study *s, double noise, uint64_t seed);

/* The trials after which trials: auto looks, and the most that it runs for so many factors. */
size_t lab_study_next_look(size_t n);
size_t lab_study_most(size_t factors);

#endif
