// What is known of the newest so many packets or members; older ones are forgotten. Each keeps the
// place that it got when something was first known of it. Private to src/node.
#pragma once

#include <cstddef>
#include <deque>
#include <unordered_map>
#include <utility>

namespace phoenix {

template <class Key, class Value, size_t kMost>
class Newest {
 public:
  void put(const Key& key, Value value) {
    if (!by_key_.insert_or_assign(key, std::move(value)).second) return;
    order_.push_back(key);
    if (order_.size() <= kMost) return;
    by_key_.erase(order_.front());
    order_.pop_front();
  }
  // Null: nothing is known.
  const Value* find(const Key& key) const {
    const auto it = by_key_.find(key);
    return it == by_key_.end() ? nullptr : &it->second;
  }

 private:
  std::unordered_map<Key, Value> by_key_;
  std::deque<Key> order_;
};

}  // namespace phoenix
