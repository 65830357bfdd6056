// For tests: any value that a form can have.
#pragma once

// After gtest, whose macros it extends.
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "lineage/form/entry.h"
#include "lineage/form/statements.h"

namespace phoenix::lineage::any {

inline std::string id() {
  const std::string first =
      *rc::gen::container<std::string>(1, rc::gen::elementOf(std::string("abcXYZ0189")));
  return first + *rc::gen::resize(20, rc::gen::container<std::string>(
                                          rc::gen::elementOf(std::string("abcXYZ0189._-"))));
}
inline std::string bytes() {
  return *rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::arbitrary<char>()));
}
inline uint64_t number() {
  // All widths alike, not only the ends.
  return *rc::gen::arbitrary<uint64_t>() >> *rc::gen::inRange(0, 64);
}
inline WallMs time() {
  const auto value = static_cast<int64_t>(number() >> 1);
  return *rc::gen::arbitrary<bool>() ? value : -value;
}
template <size_t N>
std::array<uint8_t, N> array() {
  std::array<uint8_t, N> all{};
  for (uint8_t& byte : all) byte = *rc::gen::arbitrary<uint8_t>();
  return all;
}
inline Digest digest() { return array<32>(); }
template <class Make>
auto maybe(Make make) -> std::optional<decltype(make())> {
  if (*rc::gen::arbitrary<bool>()) return make();
  return std::nullopt;
}
inline PublicKey key() { return {array<32>()}; }
inline Party party() { return {id(), number()}; }
inline std::vector<std::string> names() {
  std::set<std::string> names;
  const int count = *rc::gen::inRange(0, 8);
  for (int i = 0; i < count; ++i) names.insert(id() + "/ü");
  return {names.begin(), names.end()};
}
inline End end() { return static_cast<End>(*rc::gen::inRange(1, 6)); }

template <class Head>
std::vector<Head> heads() {
  std::set<uint32_t> logs;
  const int count = *rc::gen::inRange(0, 5);
  for (int i = 0; i < count; ++i) logs.insert(static_cast<uint32_t>(number()));
  std::vector<Head> all;
  for (const uint32_t log : logs) {
    Head head;
    head.log = log;
    head.size = std::max<uint64_t>(number(), 1);
    if constexpr (requires { head.root; }) head.root = digest();
    all.push_back(head);
  }
  return all;
}

inline Evidence evidence() {
  Evidence evidence{bytes(), number(), {}};
  const int count = *rc::gen::inRange(0, 5);
  for (int i = 0; i < count; ++i) evidence.path.push_back(digest());
  return evidence;
}

inline Leg leg() {
  Leg leg;
  leg.number = *rc::gen::arbitrary<bool>() ? 1 : std::max<uint64_t>(number(), 2);
  if (leg.number > 1) {
    leg.previous = digest();
    leg.previous[0] |= 1;  // all zero is leg 1's
  }
  leg.cause = static_cast<Cause>(*rc::gen::inRange(1, 9));
  leg.from = maybe(party);
  leg.to = maybe(party);
  if (leg.cause == Cause::kAssign || leg.cause == Cause::kRetry) leg.from.reset();
  if (leg.cause == Cause::kAssign || leg.cause == Cause::kOperator) leg.to = party();
  if (leg.cause == Cause::kTerminal) leg.to.reset();
  const bool gives = leg.cause == Cause::kHandoff || leg.cause == Cause::kEviction ||
                     leg.cause == Cause::kDrain || leg.cause == Cause::kRelease;
  if (gives) leg.from = party();
  leg.context = maybe(digest);
  leg.contract = maybe(digest);
  leg.decision = maybe(digest);
  leg.placement = maybe([] { return Placement{static_cast<uint32_t>(number()), digest()}; });
  leg.attested_by = names();
  if (leg.cause == Cause::kHandoff) {
    leg.handoff = maybe([&leg] {
      return HandoffEvidence{bytes(), leg.to ? bytes() : "",
                             *rc::gen::arbitrary<bool>() ? bytes() : ""};
    });
  }
  if (leg.cause == Cause::kTerminal) {
    leg.terminal = TerminalEvidence{end(), maybe(digest), maybe(evidence)};
  }
  return leg;
}

inline KeyChange key_change() {
  KeyChange change;
  change.action = static_cast<KeyAction>(*rc::gen::inRange(1, 4));
  change.role = *rc::gen::element(KeyRole::kHost, KeyRole::kMember);
  change.key = key();
  if (change.action == KeyAction::kRotate) change.previous = key().id();
  if (change.action != KeyAction::kRevoke) change.proof = bytes();
  return change;
}

inline Entry entry() {
  Entry entry;
  entry.kind = static_cast<EntryKind>(*rc::gen::inRange(1, 7));
  entry.at = time();
  entry.actor = {static_cast<ActorKind>(*rc::gen::inRange(1, 4)), id()};
  entry.ns = *rc::gen::arbitrary<bool>() ? id() : "";
  entry.subject = id();
  entry.event = *rc::gen::element<std::string>("created", "handed-over", "x9");
  entry.reason = *rc::gen::element<std::string>("", "stale-epoch");
  entry.epoch = number();
  entry.revision = number();
  entry.policy = maybe(digest);
  entry.inputs = maybe(digest);
  if (entry.kind == EntryKind::kPacket) {
    entry.leg = maybe(leg);
    if (entry.leg && entry.ns.empty()) entry.ns = id();
  }
  if (entry.kind == EntryKind::kKey) {
    entry.key = key_change();
    entry.ns = entry.key->role == KeyRole::kHost ? "" : id();
  }
  const bool leaves = entry.kind == EntryKind::kMember || entry.kind == EntryKind::kHost;
  if (leaves && *rc::gen::arbitrary<bool>()) entry.certificate = bytes();
  const bool refuses = entry.kind == EntryKind::kRefusal;
  if (refuses && *rc::gen::arbitrary<bool>()) entry.account = bytes();
  return entry;
}

}  // namespace phoenix::lineage::any
