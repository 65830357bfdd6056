// Processor time of one thread throughout: none of it waits for anything.
#include "bench/policy/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "bench/clock.h"
#include "bench/core_load.h"
#include "bench/figures.h"
#include "lineage/crypto/sha256.h"
#include "policy/rules/decision_cache.h"

namespace phoenix::bench {
namespace {

using policy::Point;

constexpr int kRules = 20;

// Twenty rules of five comparisons each, none of which settles anything early: what denies does not
// hold, so all are asked. `moving` makes them read the member's load too, which is never kept.
std::vector<policy::PolicySource> rule_set(bool moving) {
  policy::PolicySource source;
  source.name = "bench";
  source.point = Point::kAssign;
  for (int index = 0; index < kRules; ++index) {
    policy::RuleSource rule;
    rule.name = fmt::format("rule-{}", index);
    rule.condition = fmt::format(
        "member.trustScore >= 0.{0:02} && 'cap-{1}' in member.capabilities && "
        "member.namespace == 'default' && {2} && packet.capabilityMatch == 'any'",
        index, index % 4, moving ? "member.load < 1000" : "member.maxLoad < 1000");
    rule.verdict = policy::Verdict::kDeny;
    source.rules.push_back(rule);
  }
  policy::RuleSource rest;
  rest.name = "rest";
  rest.verdict = policy::Verdict::kAllow;
  source.rules.push_back(rest);
  return {source};
}

struct World {
  std::vector<std::string> capabilities = {"cap-0", "cap-1", "cap-2", "cap-3"};
  policy::MemberFacts member;
  policy::PacketFacts packet;
  policy::Input input;
  cel::Scratch scratch;

  World() : member(view()), packet(packet_view()) {
    input.set_member(member);
    input.set_packet(packet);
    input.set_now(1'764'360'000'000);
  }
  policy::MemberView view() const {
    policy::MemberView made;
    made.id = "member-1";
    made.name_space = "default";
    made.kind = "agent";
    made.status = "ACTIVE";
    made.capabilities = capabilities;
    made.max_load = 10;
    return made;
  }
  policy::PacketView packet_view() const {
    policy::PacketView made;
    made.id = "pkt_01JDQ8Z7R2T5V9W0X3Y6A1B4";
    made.name_space = "default";
    made.required_capabilities = std::span(capabilities).first(1);
    return made;
  }
};

// Nanoseconds of one decision, the median of five rounds.
template <class Decide>
double nanoseconds(bool quick, const Decide& decide) {
  const int times = quick ? 1'000 : 200'000;
  std::vector<double> rounds;
  for (int round = 0; round < 5; ++round) {
    const Duration begin = thread_clock();
    for (int count = 0; count < times; ++count) decide(static_cast<uint64_t>(count));
    rounds.push_back(static_cast<double>((thread_clock() - begin).ns) / times);
  }
  return median(rounds);
}

Result<bool> decisions(bool quick, Figures& figures) {
  World world;
  const auto hash = [](std::string_view bytes) { return lineage::sha256(bytes); };
  auto moving = policy::PolicySet::compile(rule_set(true), hash);
  auto stable = policy::PolicySet::compile(rule_set(false), hash);
  if (!moving || !stable) return fail(ErrorKind::kInternal, "the rules do not compile");
  bool allowed = true;
  const double asked = nanoseconds(quick, [&](uint64_t count) {
    world.input.set_load(static_cast<uint32_t>(count % 8));
    const auto decision = moving->decide(Point::kAssign, world.input, world.scratch);
    allowed = allowed && decision.verdict == policy::Verdict::kAllow;
  });
  policy::DecisionCache cache(std::make_shared<policy::PolicySet>(std::move(*stable)));
  constexpr uint64_t kKept = 1'024;
  for (uint64_t member = 0; member < kKept; ++member) {
    cache.decide(Point::kAssign, {member, 1, 1}, world.input, world.scratch);
  }
  size_t found = 0;
  const double kept = nanoseconds(quick, [&](uint64_t count) {
    const auto decision = cache.known(Point::kAssign, {count % kKept, 1, 1});
    found += decision ? 1 : 0;
  });
  if (!allowed) return fail(ErrorKind::kInternal, "a rule held that should not");
  if (found == 0) return fail(ErrorKind::kInternal, "nothing was kept");
  figures.push_back({4,
                     "one decision of 20 rules of 5 comparisons, all asked",
                     asked / 1'000,
                     "us",
                     {Bar::Op::kAtMost, 5},
                     {{"ns a comparison", asked / (kRules * 5)}}});
  figures.push_back({4,
                     "one decision of 20 rules, kept",
                     kept,
                     "ns",
                     {Bar::Op::kAtMost, 100},
                     {{"members", static_cast<double>(kKept)}}});
  return true;
}

// The same rules as a document, of which none denies anybody.
std::string document() {
  std::string spec = R"({"target":"can-assign","defaultDecision":"allow","rules":[)";
  for (int index = 0; index < kRules; ++index) {
    spec += fmt::format(
        R"({}{{"name":"rule-{}","decision":"deny","condition":"member.trustScore >= 0.{:02} && )"
        R"(member.namespace == 'default' && member.maxLoad > 0 && packet.namespace == 'default' && )"
        R"('nobody' in member.capabilities"}})",
        index == 0 ? "" : ",", index, index);
  }
  return spec + "]}";
}

// What the core makes of it: the life of a packet, with its placement, with and without policies.
Result<bool> placements(bool quick, Figures& figures) {
  const size_t members = quick ? 100 : 1'000;
  const size_t live = quick ? 2'000 : 100'000;
  const size_t wanted = quick ? 1'000 : 20'000;  // in a round
  const int rounds = quick ? 3 : 25;
  CoreLoad plain(members, 1'000);
  CoreLoad ruled(members, 1'000);
  ruled.lay_down(document());
  if (ruled.host().node().documents(DocumentKind::kPolicy, "").empty()) {
    return fail(ErrorKind::kInternal, "the policy was not taken");
  }
  plain.fill(live);
  ruled.fill(live);
  std::vector<double> without;
  std::vector<double> with;
  for (int round = 0; round < rounds; ++round) {
    without.push_back(plain.rate(live, wanted));
    with.push_back(ruled.rate(live, wanted));
  }
  // Of short rounds in turn the best of each: what else the machine does only ever adds.
  const auto best = [](const std::vector<double>& rates) {
    return 1e6 / *std::max_element(rates.begin(), rates.end());
  };
  figures.push_back(
      {4,
       "core alone under 20 rules at can-assign, created to ended",
       median(with),
       "packets/s",
       {Bar::Op::kAtLeast, 500'000},
       {{"without policies", median(without)}, {"more a packet, us", best(with) - best(without)}}});
  return true;
}

}  // namespace

std::vector<Row> policy_rows(bool quick) {
  return {{4, "decisions", [quick](Figures& figures) { return decisions(quick, figures); }},
          {4, "placements", [quick](Figures& figures) { return placements(quick, figures); }}};
}

}  // namespace phoenix::bench
