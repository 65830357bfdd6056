#include "ring/classes/capabilities.h"

#include <algorithm>

namespace phoenix::ring {

std::string_view Capabilities::key_of(char kind, std::string_view ns, std::string_view name) const {
  scratch_.clear();
  scratch_.push_back(kind);
  scratch_.push_back(static_cast<char>(ns.size() & 0xff));
  scratch_.push_back(static_cast<char>(ns.size() >> 8 & 0xff));
  scratch_.append(ns);
  scratch_.append(name);
  return scratch_;
}

CapabilityId Capabilities::find_capability(std::string_view ns, std::string_view name) const {
  const auto found = ids_.find(key_of('C', ns, name));
  return found == ids_.end() ? kNoCapability : found->second;
}

CapabilityId Capabilities::acquire(char kind, std::string_view ns, std::string_view name) {
  if (const auto found = ids_.find(key_of(kind, ns, name)); found != ids_.end()) {
    ++entries_[found->second].users;
    return found->second;
  }
  CapabilityId id;
  if (free_.empty()) {
    id = static_cast<CapabilityId>(entries_.size());
    entries_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  Entry& entry = entries_[id];
  entry.key = scratch_;
  entry.users = 1;
  entry.ns_size = static_cast<uint32_t>(ns.size());
  entry.bit = take_bit();
  ids_.emplace(entry.key, id);
  return id;
}

void Capabilities::release(CapabilityId id) {
  Entry& entry = entries_[id];
  if (--entry.users > 0) return;
  ids_.erase(std::string_view(entry.key));
  give_bit(entry.bit);
  entry = Entry{};
  free_.push_back(id);
}

// The least used one.
unsigned Capabilities::take_bit() {
  const auto at = std::min_element(bit_users_.begin(), bit_users_.end());
  const auto bit = static_cast<unsigned>(at - bit_users_.begin());
  if (++*at > 1) shared_bits_ |= uint64_t{1} << bit;
  return bit;
}

void Capabilities::give_bit(unsigned bit) {
  if (--bit_users_[bit] <= 1) shared_bits_ &= ~(uint64_t{1} << bit);
}

size_t Capabilities::bytes() const {
  size_t total = entries_.size() * (sizeof(Entry) + 48) + free_.capacity() * sizeof(CapabilityId);
  for (const Entry& entry : entries_) {
    total += entry.key.capacity();
  }
  return total;
}

}  // namespace phoenix::ring
