/* All public headers of libattnmeter.
 *
 * Read a run file: runfile/reader.h, then the tables of analysis/. Make one:
 * probes/run.h. Put a measurement of your own on the forward pass: model/forward.h
 * and model/tap.h. */
#ifndef ATTNMETER_H
#define ATTNMETER_H

#include "analysis/compare.h"
#include "analysis/coverage.h"
#include "analysis/entropy.h"
#include "analysis/evaluation.h"
#include "analysis/pair_table.h"
#include "analysis/plot.h"
#include "analysis/recall.h"
#include "analysis/table.h"
#include "analysis/targets.h"
#include "base/datadir.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/text.h"
#include "base/threads.h"
#include "base/version.h"
#include "kernels/gemm.h"
#include "kernels/kernels.h"
#include "model/config.h"
#include "model/forward.h"
#include "model/model.h"
#include "model/tap.h"
#include "model/tokenizer.h"
#include "probes/run.h"
#include "report/page.h"
#include "runfile/reader.h"
#include "runfile/schema.h"
#include "runfile/writer.h"
#include "task/evaluate.h"
#include "task/generate.h"

#endif
