#include "ring/show/walk.h"

#include <algorithm>
#include <unordered_set>

namespace phoenix {
namespace {

constexpr uint64_t kMostExamined = uint64_t{1} << 20;

bool same_score(const Candidate& a, const Candidate& b) {
  using Wide = unsigned __int128;
  return Wide{a.score_numerator} * b.score_denominator ==
         Wide{b.score_numerator} * a.score_denominator;
}

DecidedBy decided_by(const Walk& walk, const PlaceQuery& query) {
  if (!walk.owner) return DecidedBy::kNobody;
  if (*walk.owner == query.avoid) return DecidedBy::kLastResort;
  const Candidate* owner = nullptr;
  size_t eligible = 0;
  for (const Candidate& candidate : walk.met) {
    if (candidate.eligible) ++eligible;
    if (candidate.member == *walk.owner) owner = &candidate;
  }
  if (query.nearest_first || query.k <= 1) return DecidedBy::kNearest;
  if (eligible <= 1 || owner == nullptr) return DecidedBy::kOnly;
  const bool tie = std::any_of(walk.met.begin(), walk.met.end(), [&](const Candidate& other) {
    return other.eligible && other.member != owner->member && same_score(other, *owner);
  });
  return tie ? DecidedBy::kId : DecidedBy::kScore;
}

}  // namespace

Walk explain(const Placement& placement, const PlaceQuery& query, size_t most_others) {
  Walk walk;
  walk.owner = placement.place(query);
  const size_t wanted = query.nearest_first ? 1 : std::max<size_t>(query.k, 1);
  const size_t capable = placement.capable(query.cls);
  std::unordered_set<MemberIndex> seen;
  size_t eligible = 0;
  size_t others = 0;
  const auto meet = [&](Position position, MemberIndex member) {
    if (!seen.insert(member).second) return true;
    Candidate candidate = placement.candidate(member);
    candidate.vnode = position;
    candidate.reason = placement.why_not(member, query);
    if (candidate.reason.empty() && member == query.avoid && walk.owner != member) {
      candidate.reason = "passed-over";
    }
    candidate.eligible = candidate.reason.empty();
    if (candidate.eligible) ++eligible;
    if (candidate.eligible || ++others <= most_others) {
      walk.met.push_back(candidate);
    } else {
      ++walk.omitted;
    }
    return eligible < wanted && seen.size() < capable;
  };
  walk.complete = capable == 0 || placement.walk(query.point, query.cls, kMostExamined, meet);
  walk.decided_by = decided_by(walk, query);
  return walk;
}

}  // namespace phoenix
