// JSON of what is told about the ring: walks, plans, shares, each with the definitions of its
// figures, so that nobody has to guess what a number counts.
#pragma once

#include "base/json/json_writer.h"
#include "node/node.h"

namespace phoenix {

// "candidates" and what the list leaves out. `point`: where the walk starts.
void write_candidates(json::Writer& writer, const WalkView& walk, Position point);

// Fields of GET /v1/ring/owner that come of the walk, without the braces.
void write_walk(json::Writer& writer, const WalkView& walk, Position point);
// Fields of POST /v1/ring/plan, without the braces.
void write_plan(json::Writer& writer, const PlanRequest& request, const Plan& plan);

// {"definitions":{...}} members.
void write_ring_definitions(json::Writer& writer);
void write_walk_definitions(json::Writer& writer);
void write_plan_definitions(json::Writer& writer);

// "share":0.25 for positions of 2^32.
void write_share(json::Writer& writer, std::string_view name, uint64_t positions);

}  // namespace phoenix
