// That nobody is given what policies keep from them. What is allowed is told by hand
// (governed/house_rules.h) from the documents that the node itself shows as being in force.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "node/node.h"
#include "sim/check/shadow.h"

namespace phoenix::sim {

// What a run has seen of policies.
struct PolicyCounts {
  uint64_t grants = 0;    // while some were in force
  uint64_t handoffs = 0;  // of these
  uint64_t refusals = 0;  // that are entries of the log
  uint64_t approved = 0;  // grants of what had needed somebody's word
};

class PolicyCheck {
 public:
  explicit PolicyCheck(Complain complain) : complain_(std::move(complain)) {}

  // Of a run in which policies are laid down; before its first input.
  void watch() { watches_ = true; }
  // The host has begun a life, which does not know what the one before has told.
  void started() { refusals_.clear(); }
  // What the node puts out after an input.
  void decided(const Node& node, std::span<const Group> groups);
  // truth[i]: has the store really taken groups[i].
  void committed(std::span<const Group> groups, const std::vector<bool>& truth);
  // By what the node showed last.
  bool may_have(const Packet& head, const MemberRecord& member) const {
    return !watches_ || allows(now_, head, member);
  }
  const PolicyCounts& counts() const { return counts_; }

 private:
  struct InForce {
    std::optional<size_t> rules;
    std::set<PacketKey> approved;
  };
  InForce read(const Node& node);
  bool allows(const InForce& by, const Packet& head, const MemberRecord& member) const;
  static bool hands(const InForce& by, const Packet& head, const MemberRecord& member);
  void granted(const Node& node, const PutPacket& put);
  void refused(const PutNote& note, bool alone);

  Complain complain_;
  bool watches_ = false;
  // An input may bring new documents and, before that, what was decided by the old ones.
  InForce before_;
  InForce now_;
  // Read so far, and which packet each lets go.
  std::map<DocumentPtr, std::optional<PacketKey>> approvals_;
  std::map<PacketKey, int> n_;              // of payloads
  std::map<PacketKey, uint64_t> refusals_;  // at can-assign in this life, without a change of it
  PolicyCounts counts_;
};

}  // namespace phoenix::sim
