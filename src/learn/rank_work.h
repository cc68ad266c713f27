/*
 * What the parts of rank.h share while they work. Internal to src/learn.
 *
 *   rank.c          the order of things, the choice of scale, warnings
 *   rank_splits.c   all models on every split: predictions, losses without a factor, curves
 *   rank_active.c   which factors are told from noise
 *   rank_groups.c   importances, their intervals, rank groups
 *   rank_effects.c  effects from low to high, curves with bands
 *   rank_gp.c       the Gaussian process on every split; importances and effects from its draws
 *   rank_pairs.c    pairs of factors that depend on each other
 *   rank_json.c     the stored form
 */
#ifndef CULPRIT_LEARN_RANK_WORK_H
#define CULPRIT_LEARN_RANK_WORK_H

#include "learn/forest.h"
#include "learn/indices.h"
#include "learn/linear.h"
#include "learn/rank.h"

enum { RANK_MODELS = 3, RANK_CURVE = 25, RANK_FOLDS = 5, RANK_SHUFFLES = 10 };

/* The values of a factor that curves are drawn through, and what share of the rows lies nearest. */
struct rank_grid {
	size_t k;
	double x[RANK_CURVE], weight[RANK_CURVE];
};

/* What one model did on one split. Rows are the split's test rows, in order. */
struct split_fit {
	double *predicted; /* n_test, on the response's own scale */
	double *loss;      /* p × n_test: rise of the squared error, on the model's scale, when the
			      model is not told factor j but averages over its values */
	double *curve;     /* p × RANK_CURVE: mean prediction with factor j set, own scale */
	double squares;    /* Σ squared error on the test rows, own scale */
};

struct split {
	unsigned *rows; /* train rows, then test rows; each ascending */
	size_t n_train, n_test;
	unsigned trees;
	bool varied; /* losses and curves were computed */
	struct split_fit fit[RANK_MODELS];
	struct err err;
};

/* The Gaussian process of a small table. */
struct rank_gp {
	double *low, *width;    /* p: numbers are scaled to 0 … 1 */
	bool *words;            /* p */
	double *x;              /* n × p, scaled */
	struct gp whole;        /* on all rows */
	struct indices indices; /* where it is preferred; draw_total in shares of all variation */
};

struct rank_work {
	const struct dataset *data;
	struct rank_spec spec;
	bool log;
	unsigned threads;
	/* the rows that are split: all, or a sample of a large table */
	size_t n, p;
	unsigned *sample;        /* n rows of data; NULL: all */
	double *x;               /* n × p */
	double *own;             /* n: response on its own scale */
	double *y;               /* n: on the model's scale */
	struct rank_grid *grids; /* p */
	double *values;          /* p × RANK_CURVE: the grids' values, the last one repeated */
	struct split *splits;
	size_t n_splits, folds; /* folds: splits in which each row is tested once */
	size_t points;          /* of a curve, at most RANK_CURVE */
	bool fits[RANK_MODELS]; /* which models are wanted */
	bool keep_forest;       /* of the first split, which is the holdout then */
	struct forest *forest;  /* of the holdout */
	struct rank_gp *gp;     /* NULL where the table is too large, or too small */
	double *drops; /* p × RANK_SHUFFLES: its losses of R² there by shuffled factors */
	/* For a sampled table: predictions of the rows that were not sampled, by the first split's
	 * models, data->n each; else NULL. */
	double *outside[RANK_MODELS];
	/* rank_importance(): influence of each row on each factor's importance, p × n */
	double *influence;
};

/* The response as the models are fitted on it, and back. */
double rank_to_model(bool log_scale, double y);
double rank_to_own(bool log_scale, double y);

/* rank_splits.c */
void rank_splits_make(struct rank_work *w, unsigned trees);
/* Grids of all factors, as the curves and means over a factor need them. */
void rank_grids_make(struct rank_work *w);
int rank_splits_fit(struct rank_work *w, struct err *err);
void rank_splits_release(struct rank_work *w);
/* Shuffles factors in the holdout's rows, at most some thousand of them; y as w->forest was fitted.
 */
void rank_shuffle(struct rank_work *w, const double *y, const unsigned *test, size_t n_test);
/* 5-fold squared error of the linear model on the response's own scale, per row. */
double rank_linear_error(const struct rank_work *w, bool log_scale);
/* A linear model on the factors that RFECV selects among the given rows. *selected[p] may be NULL.
 */
int rank_fit_selected(struct linear *m, bool *selected, const double *x, const double *y, size_t n,
	size_t p, const unsigned *rows, size_t n_rows, struct err *err);

/* rank_active.c: sets active and p_active; `whole` is the linear model on all rows. And the level
 * that shuffled factors reach. */
void rank_active(const struct rank_work *w, struct rank_result *r, const struct linear *whole);
/* Whether the other factors explain more than half of this one (adjusted R²), over n rows. */
bool rank_entangled(const struct linear *whole, size_t n, size_t j);
int rank_noise_floor(const struct rank_work *w, struct rank_result *r, struct err *err);

/* rank_groups.c: importances with intervals; then, once active is known, groups and order. */
void rank_importance(struct rank_work *w, struct rank_result *r);
/* Row i's mean loss over the splits that tested it, factor j: [j * n + i]. To be freed. */
double *rank_mean_loss(const struct rank_work *w, enum rank_model model);
void rank_groups(const struct rank_work *w, struct rank_result *r);

/* rank_effects.c */
int rank_effects(const struct rank_work *w, struct rank_result *r, const struct linear *whole,
	struct err *err);

/* rank_gp.c: whether the table is one for it; the fit to all rows, false where there is none. */
bool rank_gp_suits(const struct rank_work *w);
bool rank_gp_make(struct rank_work *w);
void rank_gp_release(struct rank_work *w);
void rank_gp_split(const struct rank_work *w, struct split *s);
/* Importances from its posterior, in place of those from test rows. */
int rank_gp_importance(struct rank_work *w, struct rank_result *r, struct err *err);
/* The difference of two factors' importances over its posterior's deviation. */
double rank_gp_difference(const struct rank_work *w, size_t a, size_t b);
int rank_gp_effect(const struct rank_work *w, struct rank_factor *f, size_t j, struct err *err);
/* p-values of each factor: is the process worse without it? */
void rank_gp_tests(const struct rank_work *w, double *p_values);
/* An interval around the point estimate from n draws, and how much wider than they are; sorts v. */
struct interval rank_gp_interval(const struct rank_work *w, double *v, size_t n, double point);
double rank_gp_widen(const struct rank_work *w);

/* rank_pairs.c: after rank_groups(), where the Gaussian process is preferred. */
int rank_pairs(const struct rank_work *w, struct rank_result *r, struct err *err);
/* The model's fit in the result. */
struct rank_fit *rank_fit_of(struct rank_result *r, enum rank_model model);

#endif
