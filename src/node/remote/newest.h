// What is known of the newest so many packets; older ones are forgotten. A packet keeps the place
// that it got when something was first known of it. Private to src/node.
#pragma once

#include <cstddef>
#include <deque>
#include <unordered_map>
#include <utility>

#include "packet/packet.h"

namespace phoenix {

template <class Value, size_t kMost>
class Newest {
 public:
  void put(const PacketKey& key, Value value) {
    if (!by_key_.insert_or_assign(key, std::move(value)).second) return;
    order_.push_back(key);
    if (order_.size() <= kMost) return;
    by_key_.erase(order_.front());
    order_.pop_front();
  }
  // Null: nothing is known.
  const Value* find(const PacketKey& key) const {
    const auto it = by_key_.find(key);
    return it == by_key_.end() ? nullptr : &it->second;
  }

 private:
  std::unordered_map<PacketKey, Value> by_key_;
  std::deque<PacketKey> order_;
};

}  // namespace phoenix
