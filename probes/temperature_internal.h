/* State of a run's temperatures, shared by their files. */
#ifndef AM_PROBES_TEMPERATURE_INTERNAL_H
#define AM_PROBES_TEMPERATURE_INTERNAL_H

#include "model/temperatures.h"
#include "probes/root.h"
#include "probes/states.h"
#include "probes/temperature.h"

struct am_temperature {
	am_job *job;
	am_temperatures file;
	float *beta;    /* [layers][heads] of the model: the session's */
	int *sequence;  /* [file.n_sequence] of the job */
	double *weight; /* [file.n_sequence] in the means, adds up to 1 */
	am_root *root;  /* [file.n_layer][file.n_head] */
	int passes;
	double worst;   /* largest |entropy - target| of what was not clamped */
	int clamped;
};

#endif
