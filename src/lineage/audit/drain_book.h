// Who left for good, and that nothing was assigned to it after its certificate. Of each life of a
// member it keeps the last assignment in each log, since a certificate may be read after an entry
// that breaks it.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "lineage/audit/fault.h"
#include "lineage/audit/key_book.h"
#include "lineage/audit/packet_chains.h"
#include "lineage/form/entry.h"

namespace phoenix::lineage {

class DrainBook {
 public:
  DrainBook(std::string pool, const KeyBook& keys) : pool_(std::move(pool)), keys_(keys) {}

  // A leg that assigns.
  Finding assigned(const Entry& entry, const Place& place);
  // An entry with a certificate. Whose signer is no host that is known proves nothing, and is
  // counted.
  Finding certified(const Entry& entry, const Place& place);
  // At the end: whoever left owns nothing.
  Finding finish(const PacketChains& chains) const;
  uint64_t certificates() const { return certificates_.size(); }
  uint64_t unproved() const { return unproved_; }

 private:
  using Heads = std::map<uint32_t, uint64_t>;  // log to size; absent: 0
  static bool breaks(const Heads& heads, const Place& place);
  Finding check(const std::string& who, const Heads& heads, const std::vector<Place>& last) const;

  std::string pool_;
  const KeyBook& keys_;
  // By "ns/id#incarnation"; a host is "#log".
  std::unordered_map<std::string, std::vector<Place>> last_;
  std::unordered_map<std::string, Heads> certificates_;
  uint64_t unproved_ = 0;
};

}  // namespace phoenix::lineage
