// Maglev's lookup table (Eisenbud et al.: "Maglev: A Fast and Reliable Software Network Load
// Balancer", 2016, section 3.4) at 65,537 entries. Any change of members fills it anew.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace phoenix::bench {

class Maglev {
 public:
  static constexpr uint32_t kEntries = 65'537;

  // Requires: some members, far fewer than entries.
  explicit Maglev(const std::vector<std::string>& members);
  uint32_t owner(uint64_t key) const { return table_.data()[key % kEntries]; }
  const std::vector<uint32_t>& table() const { return table_; }

 private:
  std::vector<uint32_t> table_;
};

}  // namespace phoenix::bench
