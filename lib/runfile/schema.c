#include "runfile/schema.h"

#include <stdint.h>

const am_axis_spec am_axes[AM_AXIS_COUNT] = {
	[AM_AXIS_LAYER] = {"layer", AM_TYPE_I32, "1", "layer of the model, from 0"},
	[AM_AXIS_HEAD] = {"head", AM_TYPE_I32, "1", "query head within the layer, from 0"},
	[AM_AXIS_KV_HEAD] = {"kv_head", AM_TYPE_I32, "1", "key/value head within the layer, from 0"},
	[AM_AXIS_ROW] = {"row", AM_TYPE_I64, "1", "captured attention row, in the order of capture"},
	[AM_AXIS_K] = {"k", AM_TYPE_I32, "keys", "number of keys kept"},
	[AM_AXIS_RATIO] = {"ratio", AM_TYPE_F64, "1", "share of the visible keys kept"},
	[AM_AXIS_MASS] = {"mass", AM_TYPE_F64, "1", "attention mass to be reached"},
	[AM_AXIS_RANK] = {"rank", AM_TYPE_I32, "1", "rank of a key by probability, 0 the largest"},
	[AM_AXIS_DISTANCE_BIN] = {"distance_bin", AM_TYPE_I64, "tokens",
	                          "least distance from query to key in the bin; a bin ends where the next begins"},
	[AM_AXIS_MAP_Q] = {"map_q", AM_TYPE_F64, "1",
	                   "query position over sequence length, centre of the cell"},
	[AM_AXIS_MAP_K] = {"map_k", AM_TYPE_F64, "1",
	                   "key position over sequence length, centre of the cell"},
	[AM_AXIS_SEQUENCE] = {"sequence", AM_TYPE_I32, "1", "input sequence, in the order given"},
	[AM_AXIS_TOKEN] = {"token", AM_TYPE_I64, "1", "token of the sequences laid one after another"},
	[AM_AXIS_TOKEN_EDGE] = {"token_edge", AM_TYPE_I64, "1",
	                        "boundary between sequences on the token axis"},
};

#define ROW {AM_AXIS_ROW}
#define LAYER_ROW {AM_AXIS_LAYER, AM_AXIS_ROW}
#define LHR {AM_AXIS_LAYER, AM_AXIS_HEAD, AM_AXIS_ROW}
#define LHR_AND(axis) {AM_AXIS_LAYER, AM_AXIS_HEAD, AM_AXIS_ROW, axis}

const am_field_spec am_fields[AM_FIELD_COUNT] = {
	[AM_FIELD_ROW_SEQUENCE] = {"/row_sequence", AM_TYPE_I32, 1, ROW, "1", "sequence of the row"},
	[AM_FIELD_ROW_POSITION] = {"/row_position", AM_TYPE_I32, 1, ROW, "tokens",
	                           "position of the query in its sequence, from 0"},
	[AM_FIELD_ROW_TOKEN] = {"/row_token", AM_TYPE_I32, 1, ROW, "1", "token id at the query position"},
	[AM_FIELD_ROW_NLL] = {"/row_nll", AM_TYPE_F32, 1, ROW, "nat",
	                      "negative log-likelihood of the next token"},
	[AM_FIELD_ROW_VISIBLE] = {"/row_visible", AM_TYPE_I32, 2, LAYER_ROW, "keys",
	                          "visible keys n of the row in this layer"},
	[AM_FIELD_LSE] = {"/stat/lse", AM_TYPE_F32, 3, LHR, "nat", "log-sum-exp of the scores"},
	[AM_FIELD_ENTROPY] = {"/stat/entropy", AM_TYPE_F32, 3, LHR, "nat", "Shannon entropy of the row"},
	[AM_FIELD_SCORE_VARIANCE] = {"/stat/score_variance", AM_TYPE_F32, 3, LHR, "nat2",
	                             "variance of the scores under the row's probabilities"},
	[AM_FIELD_RENYI2] = {"/stat/renyi2", AM_TYPE_F32, 3, LHR, "nat", "Renyi entropy of order 2"},
	[AM_FIELD_MAX_PROB] = {"/stat/max_prob", AM_TYPE_F32, 3, LHR, "1", "largest probability"},
	[AM_FIELD_DEFICIT] = {"/stat/deficit", AM_TYPE_F32, 3, LHR, "1",
	                      "share that a sink logit takes from all keys: 1 - sum of what they get"},
	[AM_FIELD_SINK_MASS] = {"/stat/sink_mass", AM_TYPE_F32, 3, LHR, "1",
	                        "mass of the first keys of the sequence (attribute sink_keys)"},
	[AM_FIELD_RECENT_MASS] = {"/stat/recent_mass", AM_TYPE_F32, 3, LHR, "1",
	                          "mass of the most recent keys (attribute recent_keys)"},
	[AM_FIELD_MEAN_DISTANCE] = {"/stat/mean_distance", AM_TYPE_F32, 3, LHR, "tokens",
	                            "mean distance from query to key"},
	[AM_FIELD_MASS_AT_K] = {"/stat/mass_at_k", AM_TYPE_F32, 4, LHR_AND(AM_AXIS_K), "1",
	                        "mass of the k largest probabilities"},
	[AM_FIELD_MASS_AT_RATIO] = {"/stat/mass_at_ratio", AM_TYPE_F32, 4, LHR_AND(AM_AXIS_RATIO), "1",
	                            "mass of the max(1, ceil(ratio n)) largest probabilities"},
	[AM_FIELD_K_AT_MASS] = {"/stat/k_at_mass", AM_TYPE_I32, 4, LHR_AND(AM_AXIS_MASS), "keys",
	                        "smallest k whose mass reaches the target"},
	[AM_FIELD_OUTPUT_ERROR] = {"/stat/output_error", AM_TYPE_F32, 4, LHR_AND(AM_AXIS_K), "1",
	                           "relative error of the head output from the k largest alone"},
	[AM_FIELD_TOPK_INDEX] = {"/topk/index", AM_TYPE_I32, 4, LHR_AND(AM_AXIS_RANK), "tokens",
	                         "position of the key of this rank"},
	[AM_FIELD_TOPK_PROB] = {"/topk/prob", AM_TYPE_F32, 4, LHR_AND(AM_AXIS_RANK), "1",
	                        "probability of the key of this rank"},
	[AM_FIELD_PAIR_KL] = {"/pair/kl", AM_TYPE_F32, 3, LHR, "nat",
	                      "KL divergence of the paired model's row from this one's, KL(A||B)"},
	[AM_FIELD_PAIR_KL_REVERSE] = {"/pair/kl_reverse", AM_TYPE_F32, 3, LHR, "nat",
	                              "KL divergence of this row from the paired model's, KL(B||A)"},
	[AM_FIELD_PAIR_JS] = {"/pair/js", AM_TYPE_F32, 3, LHR, "nat", "Jensen-Shannon divergence of the two rows"},
	[AM_FIELD_PAIR_TV] = {"/pair/tv", AM_TYPE_F32, 3, LHR, "1", "total variation distance of the two rows"},
	[AM_FIELD_PAIR_LOST] = {"/pair/lost", AM_TYPE_F32, 3, LHR, "1",
	                        "mass of this row on keys that the paired model's row does not keep"},
	[AM_FIELD_PAIR_GAINED] = {"/pair/gained", AM_TYPE_F32, 3, LHR, "1",
	                          "mass of the paired model's row on keys that this one does not keep"},
	[AM_FIELD_PAIR_OVERLAP] = {"/pair/topk_overlap", AM_TYPE_F32, 4, LHR_AND(AM_AXIS_K), "1",
	                           "share of the k best keys that the two rows have in common"},
	[AM_FIELD_PAIR_NLL] = {"/pair/nll", AM_TYPE_F32, 1, ROW, "nat",
	                       "negative log-likelihood of the next token under the paired model"},
	[AM_FIELD_TEMPERATURE_BETA] = {"/temperature/beta", AM_TYPE_F32, 2, {AM_AXIS_LAYER, AM_AXIS_HEAD}, "1",
	                               "inverse temperature: factor of the head's scores"},
	[AM_FIELD_TEMPERATURE_TARGET] = {"/temperature/target", AM_TYPE_F32, 2, {AM_AXIS_LAYER, AM_AXIS_HEAD}, "nat",
	                                 "mean entropy that the inverse temperature was solved for"},
	[AM_FIELD_TEMPERATURE_ENTROPY] = {"/temperature/entropy", AM_TYPE_F32, 2, {AM_AXIS_LAYER, AM_AXIS_HEAD}, "nat",
	                                  "mean entropy that it gave over the sequences it was solved on"},
	[AM_FIELD_TEMPERATURE_SEQUENCE] = {"/temperature/solved_on", AM_TYPE_I32, 1, {AM_AXIS_SEQUENCE}, "1",
	                                   "1 where the inverse temperatures were solved on the sequence"},
	[AM_FIELD_PROFILE_DISTANCE] = {"/profile/distance", AM_TYPE_F32, 3,
	                               {AM_AXIS_LAYER, AM_AXIS_HEAD, AM_AXIS_DISTANCE_BIN}, "1",
	                               "mean mass by distance from query to key"},
	[AM_FIELD_PROFILE_MAP] = {"/profile/map", AM_TYPE_F32, 4,
	                          {AM_AXIS_LAYER, AM_AXIS_HEAD, AM_AXIS_MAP_Q, AM_AXIS_MAP_K}, "1",
	                          "mean mass per cell of relative position"},
	[AM_FIELD_SEQUENCE_NAME] = {"/sequence_name", AM_TYPE_STRING, 1, {AM_AXIS_SEQUENCE}, "1",
	                            "name of the sequence"},
	[AM_FIELD_SEQUENCE_LENGTH] = {"/sequence_length", AM_TYPE_I32, 1, {AM_AXIS_SEQUENCE}, "tokens",
	                              "length of the sequence"},
	[AM_FIELD_SEQUENCE_TASK] = {"/sequence_task", AM_TYPE_STRING, 1, {AM_AXIS_SEQUENCE}, "1",
	                            "task the sequence belongs to"},
	[AM_FIELD_SEQUENCE_SCORE] = {"/sequence_score", AM_TYPE_F32, 1, {AM_AXIS_SEQUENCE}, "1",
	                             "score of the task on the sequence"},
	[AM_FIELD_SEQUENCE_NLL] = {"/sequence_nll", AM_TYPE_F32, 1, {AM_AXIS_SEQUENCE}, "nat",
	                           "mean negative log-likelihood over all tokens of the sequence"},
	[AM_FIELD_TOKEN_ID] = {"/token_id", AM_TYPE_I32, 1, {AM_AXIS_TOKEN}, "1", "token id"},
	[AM_FIELD_TOKEN_OFFSET] = {"/token_offset", AM_TYPE_I64, 1, {AM_AXIS_TOKEN_EDGE}, "tokens",
	                           "first token of each sequence, and the end"},
};

size_t am_type_size(am_type t)
{
	switch (t) {
	case AM_TYPE_I32: return sizeof(int32_t);
	case AM_TYPE_I64: return sizeof(int64_t);
	case AM_TYPE_F32: return sizeof(float);
	case AM_TYPE_F64: return sizeof(double);
	case AM_TYPE_STRING: break;
	}
	return 0;
}

int am_field_row_axis(am_field f)
{
	for (int a = 0; a < am_fields[f].n_axes; a++)
		if (am_fields[f].axes[a] == AM_AXIS_ROW)
			return a;
	return -1;
}
