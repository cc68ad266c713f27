/* What the two files that read a study file share. Not for other modules. */
#ifndef CULPRIT_STUDY_STUDY_FILE_H
#define CULPRIT_STUDY_STUDY_FILE_H

#include "study/study.h"
#include "base/node_file.h"

struct study_file {
	struct node_file in;
	struct study *s;
};

/* The section `factors`. */
int study_file_factors(const struct study_file *f, const struct node *section);

#endif
