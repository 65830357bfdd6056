// Interned capabilities: a small number for each (namespace, capability), and for each namespace
// itself, which counts as a capability that all its members hold. So "matches the class" is always
// a question of sets of numbers. Names are counted and forgotten with their last user.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/siphash.h"
#include "ring/placement.h"

namespace phoenix::ring {

using CapabilityId = uint32_t;
inline constexpr CapabilityId kNoCapability = ~CapabilityId{0};

class Capabilities {
 public:
  struct Entry {
    std::string key;  // kind, u16le(len) namespace, name
    uint32_t users = 0;
    uint32_t ns_size = 0;
    unsigned bit = 0;  // its place in signatures, perhaps shared with others
    std::string_view ns() const { return std::string_view(key).substr(3, ns_size); }
  };

  explicit Capabilities(const RingKey& key) : ids_(8, Hash{key}) {}

  // Each acquire is balanced by one release.
  CapabilityId acquire_namespace(std::string_view ns) { return acquire('N', ns, {}); }
  CapabilityId acquire_capability(std::string_view ns, std::string_view name) {
    return acquire('C', ns, name);
  }
  // kNoCapability: nobody has acquired it.
  CapabilityId find_capability(std::string_view ns, std::string_view name) const;
  void retain(CapabilityId id) { ++entries_[id].users; }
  void release(CapabilityId id);

  // A set of 64 bits over capabilities. Equal bits prove equal sets where no two capabilities share
  // one of them.
  uint64_t signature_bit(CapabilityId id) const { return uint64_t{1} << entries_[id].bit; }
  uint64_t shared_bits() const { return shared_bits_; }

  const Entry& operator[](CapabilityId id) const { return entries_[id]; }
  // One above the highest number in use so far.
  size_t limit() const { return entries_.size(); }
  size_t bytes() const;

 private:
  // Names come from outside: the secret key keeps them from being chosen to collide.
  struct Hash {
    using is_transparent = void;
    RingKey key;
    size_t operator()(std::string_view text) const { return siphash13(key, text); }
  };

  std::string_view key_of(char kind, std::string_view ns, std::string_view name) const;
  CapabilityId acquire(char kind, std::string_view ns, std::string_view name);
  unsigned take_bit();
  void give_bit(unsigned bit);

  std::deque<Entry> entries_;  // views of keys stay valid
  std::vector<CapabilityId> free_;
  std::array<uint32_t, 64> bit_users_{};
  uint64_t shared_bits_ = 0;
  std::unordered_map<std::string_view, CapabilityId, Hash, std::equal_to<>> ids_;
  mutable std::string scratch_;
};

}  // namespace phoenix::ring
