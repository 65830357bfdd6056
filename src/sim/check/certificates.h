// Certificates of who has left (I6), held to what the store has taken: from the heads that one
// names nobody assigns to that life any more, whoever keeps the packet by then; when it is written
// that life owns nothing; and the life of a host that has one assigns nothing. Whoever was drained
// gets one, whichever hosts have died meanwhile (I4).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "lineage/audit/drain_book.h"
#include "lineage/audit/key_book.h"
#include "sim/check/shadow.h"

namespace phoenix::sim {

class Certificates {
 public:
  explicit Certificates(Complain complain);
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  // The store has taken these, of that life of a host (0: of the only one). `shadow`: what was
  // durable before.
  void committed(Instant now, uint64_t life, std::span<const Group> groups,
                 const std::vector<bool>& truth, const Shadow& shadow);
  // All has been well since that moment.
  void look_at_owed(Instant now, Instant calm_since);
  // Reads what the store's log has more than at the last look, as `audit verify` would.
  void look(Reader& reader);

  uint64_t of_members() const { return members_.size(); }
  uint64_t of_hosts() const { return hosts_.size(); }

 private:
  void written(const std::string& recorded, const Shadow& shadow);
  void entry(const RecordedEntry& row);

  Complain complain_;
  lineage::KeyBook keys_;
  lineage::DrainBook book_;
  uint64_t read_ = 0;                                   // up to this position
  std::set<std::pair<std::string, uint64_t>> members_;  // "namespace/id", incarnation
  std::set<uint64_t> hosts_;                            // lives
  std::map<MemberKey, Instant> owed_;                   // who is to get one, since when
};

}  // namespace phoenix::sim
