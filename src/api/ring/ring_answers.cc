#include "api/ring/ring_answers.h"

#include <array>
#include <utility>
#include <vector>

namespace phoenix {
namespace {

using Definitions = std::vector<std::pair<std::string_view, std::string_view>>;

constexpr std::array<std::string_view, 6> kDecidedBy = {
    "nobody-eligible", "only-eligible", "nearest", "score", "id", "last-resort"};

std::string_view change_name(const PlanRequest& request) {
  constexpr std::array<std::string_view, 4> kNames = {"leave", "drain", "join", "change"};
  return kNames[request.index()];
}

void write_move(json::Writer& writer, const PlannedMove& move) {
  writer.begin_object();
  writer.field("id", move.packet);
  writer.field_or_null("from", move.from);
  writer.field_or_null("to", move.to);
  writer.field_or_null("parked",
                       move.parked ? park_reason_name(move.parked->reason) : std::string_view());
  writer.time_or_null("until", move.parked ? move.parked->until : kNoWall);
  writer.flag("fails", move.fails);
  writer.end_object();
}

void write_ring_change(json::Writer& writer, const Plan& plan) {
  writer.key("ring");
  writer.begin_object();
  writer.number("vnodesBefore", plan.vnodes_before);
  writer.number("vnodesAfter", plan.vnodes_after);
  writer.number("positionsMoved", plan.positions);
  write_share(writer, "shareMoved", plan.positions);
  writer.key("members");
  writer.begin_array();
  for (const PlannedShare& share : plan.shares) {
    writer.begin_object();
    writer.field("id", share.member);
    writer.number("positionsBefore", share.before);
    writer.number("positionsAfter", share.after);
    write_share(writer, "shareBefore", share.before);
    write_share(writer, "shareAfter", share.after);
    writer.end_object();
  }
  writer.end_array();
  writer.number("slotCount", plan.slots.count());
  writer.key("slots");
  writer.begin_array();
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    if (plan.slots.test(slot)) writer.integer(slot);
  }
  writer.end_array();
  writer.end_object();
}

}  // namespace

void write_share(json::Writer& writer, std::string_view name, uint64_t positions) {
  writer.real(name, static_cast<double>(positions) / 4294967296.0);
}

void write_candidates(json::Writer& writer, const WalkView& walk, Position point) {
  writer.key("candidates");
  writer.begin_array();
  for (const CandidateView& candidate : walk.candidates) {
    writer.begin_object();
    writer.field("member", candidate.member);
    writer.number("vnode", candidate.vnode);
    writer.number("distance", static_cast<Position>(candidate.vnode - point));
    writer.flag("eligible", candidate.eligible);
    writer.field_or_null("why", candidate.reason);
    writer.number("load", candidate.load);
    writer.number("maxLoad", candidate.max_load);
    writer.real("score", static_cast<double>(candidate.score_numerator) /
                             static_cast<double>(candidate.score_denominator) / 1'000'000.0);
    writer.number("scoreNumerator", candidate.score_numerator);
    writer.number("scoreDenominator", candidate.score_denominator);
    writer.end_object();
  }
  writer.end_array();
  writer.number("candidatesOmitted", walk.omitted);
}

void write_walk(json::Writer& writer, const WalkView& walk, Position point) {
  writer.field_or_null("owner", walk.owner);
  writer.field("decidedBy", kDecidedBy[static_cast<size_t>(walk.decided_by)]);
  write_candidates(writer, walk, point);
  writer.flag("complete", walk.complete);
  writer.number("capableMembers", walk.capable_members);
  writer.strings("missing", walk.missing);
}

void write_plan(json::Writer& writer, const PlanRequest& request, const Plan& plan) {
  writer.field("change", change_name(request));
  if (const auto* leave = std::get_if<PlanLeave>(&request)) {
    writer.field("cause", leave->whole_session ? "lease" : "retire");
  }
  writer.strings("members", plan.members);
  writer.number("moved", plan.taken);
  writer.number("minimum", plan.minimum);
  writer.number("placed", plan.placed);
  writer.number("parked", plan.parked);
  writer.number("failed", plan.failed);
  writer.number("woken", plan.woken);
  writer.number("kept", plan.kept);
  writer.key("packets");
  writer.begin_array();
  for (const PlannedMove& move : plan.moves) write_move(writer, move);
  writer.end_array();
  writer.number("packetsOmitted", plan.omitted);
  write_ring_change(writer, plan);
  writer.flag("exact", plan.writes_in_flight == 0);
  writer.number("writesInFlight", plan.writes_in_flight);
}

void write_ring_definitions(json::Writer& writer) {
  static const Definitions kTexts = {
      {"vnodes",
       "points of the member on the circle of 2^32 positions: max(1, (128 * weight + 50) "
       "/ 100)"},
      {"positions",
       "positions whose first v-node clockwise, at or after them, is the member's, "
       "among the v-nodes of its namespace: exact arcs of the plain ring. Load, "
       "capabilities and drains do not count, so it is where work falls, not who "
       "gets it"},
      {"share", "positions / 2^32"},
      {"currentLoad", "sum of the `load` of the packets that the member holds"},
      {"slots",
       "equal parts of the circle, 2^20 positions each; a packet's slot is that of its "
       "point and names its keeper, the host that drives it"}};
  writer.object_of("definitions", kTexts);
}

void write_walk_definitions(json::Writer& writer) {
  static const Definitions kTexts = {
      {"owner",
       "whom such a packet would be given now, by the code that places packets; null: it "
       "would be parked"},
      {"point",
       "top 32 bits of SipHash-1-3 under the ring key over namespace, capabilities and "
       "salt: where the walk starts"},
      {"candidates",
       "capable members in the order in which the walk clockwise meets them, up to "
       "the k-th eligible one; each counts once, at its first v-node. Of those "
       "walked over the first 64 are listed"},
      {"distance", "positions from the point clockwise to that v-node"},
      {"eligible", "takes new packets and has room for the load of this one; else `why`"},
      {"score",
       "reliability * trust * 1000 / (1000 + 1000 * load / maxLoad), all in thousandths "
       "and rounded down: scoreNumerator / scoreDenominator, shown / 10^6. The fractions "
       "are compared exactly"},
      {"decidedBy",
       "score: the best of the k eligible ones; id: the best are equal, the first id "
       "in bytes; nearest: affinity or k = 1; only-eligible: there is no other; "
       "last-resort: the only one left had been passed over; nobody-eligible"},
      {"complete",
       "false: the walk was told up to the 1,048,576th v-node only; `owner` is right "
       "nevertheless"}};
  writer.object_of("definitions", kTexts);
}

void write_plan_definitions(json::Writer& writer) {
  static const Definitions kTexts = {
      {"packets",
       "what would move, in that order. from null: it is parked now. to null: nobody "
       "gets it at once, `parked` says why and `until` till when it waits at least; "
       "`fails`: it has lost its owner too often and ends FAILED"},
      {"moved", "packets taken from their owner: placed + parked + failed"},
      {"minimum",
       "the least number that has to leave its owner for this change: all that one who "
       "leaves holds; of a drain what was not handed out yet; of a join what the "
       "newcomer would get if all that was not handed out were placed anew; of any "
       "other change nothing"},
      {"placed", "of those moved: given to another member in the same commit"},
      {"parked", "of those moved: without an owner for now"},
      {"failed", "of those moved: FAILED, their losses have reached maxLosses"},
      {"woken", "parked packets that get an owner"},
      {"kept",
       "packets that stay with the member: of a drain until they end or its deadline "
       "comes, else for good"},
      {"vnodesBefore",
       "v-nodes of all members of the namespace; After: when the change is over, "
       "a drain's when the member has left"},
      {"positionsBefore",
       "positions of the 2^32 whose first v-node clockwise is the member's, "
       "among those of the namespace: exact arcs of the plain ring, whatever "
       "the load. share = positions / 2^32"},
      {"positionsMoved", "positions that come to belong to another member; shareMoved / 2^32"},
      {"slots", "the slots (2^20 positions each) in which such positions lie"},
      {"exact",
       "nothing was on its way to the store: exactly this happens if the change comes "
       "before any other. Else plan again when writesInFlight is 0"}};
  writer.object_of("definitions", kTexts);
}

}  // namespace phoenix
