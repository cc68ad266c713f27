/*
 * The learning of `culprit find` and `culprit rank`, whole: which factor limits the response, how
 * sure that is, and what was looked at to say so. Fits the operational law, the linear model with
 * RFECV, the forest and, on small tables, a Gaussian process; validates them over repeated splits;
 * tells factors from noise and from each other. Pure: a dataset in, a result out. Methods and their
 * measured error rates: docs/methods.md.
 */
#ifndef CULPRIT_LEARN_RANK_H
#define CULPRIT_LEARN_RANK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "learn/dataset.h"

enum rank_scale { RANK_AUTO, RANK_RAW, RANK_LOG };
enum rank_model { RANK_LINEAR, RANK_FOREST, RANK_GP };

struct rank_spec {
	enum rank_scale scale; /* RANK_AUTO: whichever the cross-validated error prefers */
	unsigned splits;       /* repeated 80/20 splits; 20 */
	unsigned trees;        /* 100 */
	double confidence;     /* of all intervals; 0.95 */
	uint64_t seed;
	unsigned threads; /* 0: all cores */
};

#define RANK_SPEC_DEFAULT                                                                          \
	((struct rank_spec){.splits = 20, .trees = 100, .confidence = .95, .seed = 1})

struct interval {
	double low, high; /* NaN where it cannot be estimated */
};

/* A model's fit on rows that it did not see. On the scale of the response (after undoing the log).
 */
struct rank_fit {
	double r2, mse;           /* on the one seeded 20 % holdout */
	double r2_mean, mse_mean; /* over the repeated splits */
	struct interval r2_interval;
	double *predicted; /* n: for every row, by models that did not see it (5-fold) */
	double *holdout;   /* n: prediction where the row is in the holdout, else NaN */
};

struct rank_factor {
	const char *name; /* borrowed from the result */
	/* Share of the response's variation that goes with this factor: total-effect index of the
	 * preferred model, 0 … 1 (Homma & Saltelli 1996), over the repeated splits. */
	double importance;
	struct interval importance_interval;
	double permutation, permutation_sd; /* forest: mean loss of R² when shuffled, held out */
	double impurity;                    /* forest: normalised, sums to 1 */
	double coef, std_error, p_value; /* linear, on the standardised factor; NaN if left out */
	bool collinear;                  /* constant, or a combination of others */
	int rfecv_rank;                  /* scikit-learn's ranking_: 1 is selected */
	bool active;                     /* told from noise at the wanted confidence … */
	double p_active;                 /* … which this p-value says, adjusted for all factors */
	int group;                       /* rank group from 1; equal: cannot be told apart */
	double p_above;   /* that it is not above each of those that follow it, adjusted for all */
	double low, high; /* the factor's range in the trials */
	/* Predicted response at low and at high, the others averaged over the trials (partial
	 * dependence of the preferred model), and the change in percent of the former. */
	double at_low, at_high, effect_percent;
	struct interval effect_interval; /* of effect_percent */
	/* The partial dependence curve, for plots. */
	size_t curve_n;
	double *curve_x, *curve_y, *curve_low, *curve_high;
};

/* Two factors whose effects depend on each other. */
struct rank_pair {
	size_t a, b;  /* in factors: what a does depends on b */
	double share; /* of the response's variation that goes with both together */
	struct interval interval;
	/* What a does from its low to its high end, in percent, where b is low and where it is
	 * high. */
	double at_low, at_high;
	struct interval low_interval, high_interval;
	char *sentence; /* "a matters only when b is high: from 1 to 9 −40 % [−45, −34], …" */
};

struct rank_result {
	char *response, *unit;
	size_t n, p;
	struct rank_spec spec;
	bool log_scale; /* the models were fitted on log(response) */
	double cv_error_raw,
		cv_error_log;      /* 5-fold squared error of the linear model on each scale,
				      on the response's own scale; NaN where not tried */
	enum rank_model preferred; /* by cross-validated error; importances are its */
	struct rank_fit linear, forest;
	struct rank_fit gp;  /* predicted is NULL where the table is none for it (rank_gp.c) */
	size_t rfecv_n;      /* factors that RFECV selected */
	double *rfecv_score; /* p: mean cross-validated R² with 1 … p factors */
	double forest_oob_r2;
	double noise_floor;          /* importance that shadow (shuffled) factors reach by chance */
	struct rank_factor *factors; /* p, sorted: group, then importance */
	size_t n_active;
	struct rank_pair *pairs; /* told from noise, strongest first */
	size_t n_pairs;
	/* Little's law, X = N / R with nothing fitted; r2 NaN where the dataset has no N and R. */
	double little_r2;
	double *little_predicted; /* n, or NULL */
	char **warnings; /* sentences: few trials, collinear factors, a model that predicts nothing…
			  */
	size_t n_warnings;
	bool *holdout; /* n: rows of the seeded holdout */
	/* Copies of what was learned from, so that a report needs nothing else. */
	struct dataset data;
};

/* ERR_INPUT where nothing can be learned (too few rows, a constant response). */
int rank_learn(struct rank_result *out, const struct dataset *data, const struct rank_spec *spec,
	struct err *err);
void rank_release(struct rank_result *r);

/* The documented JSON form (docs/rank.md); a new reference. And back, for stored runs. */
json_t *rank_to_json(const struct rank_result *r);
int rank_from_json(struct rank_result *out, const json_t *json, struct err *err);

#endif
