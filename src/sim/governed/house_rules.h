// The policies of governed runs, of which one is in force at a time, and what each of them says,
// told without the code that evaluates policies.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "directory/member.h"
#include "packet/packet.h"

namespace phoenix::sim {

struct HouseRules {
  uint32_t trust = 0;  // thousandths; packets tagged "guarded" go to no lesser member
  // Payloads with a greater n go to members of some reliability only. Of 9 there is none: then no
  // rule reads what differs from packet to packet, so that decisions are kept.
  int most = 9;
  bool asks = false;     // packets tagged "asks" need somebody's approval
  bool lenient = false;  // an approval that nobody gives counts as given
};
inline constexpr std::array<HouseRules, 4> kHouseRules = {
    {{500, 7, true, false}, {650, 9, false, false}, {800, 9, true, true}, {0, 3, true, false}}};
inline constexpr uint32_t kReliable = 700;
inline constexpr std::string_view kGuarded = "guarded";
inline constexpr std::string_view kAsks = "asks";
inline constexpr std::string_view kHousePolicy = "house";
inline constexpr std::string_view kHouseRole = "controller";

inline constexpr std::string_view kHandingPolicy = "handing";

// The documents that lay them down: at can-assign, and at can-handoff, where all of them say the
// same: what is guarded is handed to members of some reliability only.
std::string house_policy(size_t which);
std::string handing_policy();
// Which of them a document lays down.
std::optional<size_t> which_rules(std::string_view document);
// What a payload says of n, in governed runs: {"n":5}; else 0.
int n_of(std::string_view payload);

bool is_tagged(const Packet& head, std::string_view tag);
bool denies_handoff(const Packet& head, const MemberRecord& receiver);
bool denies(const HouseRules& rules, const Packet& head, int n, const MemberRecord& member);

}  // namespace phoenix::sim
