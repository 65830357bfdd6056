#include "node/admission/payload_shelf.h"

#include <utility>

namespace phoenix {

std::shared_ptr<const Content> PayloadShelf::find(const PacketKey& key) const {
  const auto it = index_.find(key);
  return it == index_.end() ? nullptr : it->second->payload;
}

void PayloadShelf::put(const PacketKey& key, std::shared_ptr<const Content> payload) {
  drop(key);
  bytes_ += payload->data.size();
  entries_.push_back({key, std::move(payload)});
  index_.emplace(key, std::prev(entries_.end()));
  while (bytes_ > kMostBytes && entries_.size() > 1) forget(entries_.begin());
}

void PayloadShelf::drop(const PacketKey& key) {
  const auto it = index_.find(key);
  if (it != index_.end()) forget(it->second);
}

void PayloadShelf::forget(std::list<Entry>::iterator it) {
  bytes_ -= it->payload->data.size();
  index_.erase(it->key);
  entries_.erase(it);
}

void PayloadShelf::ask(const PacketKey& key, bool somebody_waits) {
  if (!somebody_waits && asked_.size() >= kMostAsked) return;
  if (asked_.insert(key).second) to_ask_.push_back(key);
}

std::vector<PacketKey> PayloadShelf::take_asked() { return std::exchange(to_ask_, {}); }

}  // namespace phoenix
